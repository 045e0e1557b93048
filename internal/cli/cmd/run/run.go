// Package run is `sluice run`: it creates what files define, starts the run, shows how it gets on, and ends with its results
// or with why it failed.
package run

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/local"
	"github.com/sluice-ci/sluice/internal/cli/manifestfile"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options are what `sluice run` was asked for.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now is the clock that times are told by.
	Now func() time.Time
	// Files with the objects.
	Files []string
	// Params as they were typed, name=value.
	Params []string
	// Workspaces as they were typed, name=volume.
	Workspaces []string
	// Watch: stay until the run has ended.
	Watch bool
	// Logs: print what the steps print.
	Logs bool
	// Local: run on a cluster on this machine, which is started where it is not up.
	Local bool
	// LocalDir and LocalPort are the folder and the port of that cluster; empty and 0 for localkube's own choice.
	LocalDir  string
	LocalPort int
	// Namespace, as it was typed, for Local.
	Namespace string
	// Output is how the run is printed in the end.
	Output table.Format
}

// NewCommand is `sluice run`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now}
	var noWatch bool
	c := &cobra.Command{
		Use:   "run -f FILE...",
		Short: "Start a run from files, watch it, and see its results",
		Long: `Creates what the files define and starts their runs: Tasks, Pipelines and whatever else is in them is applied first, as the
file says it, and TaskRuns and PipelineRuns are created. Files without a run, but with one Pipeline or one Task, get one.

Then the run is shown as a tree of tasks and steps, live on a terminal and as lines elsewhere; with --logs what the steps
print is shown instead. In the end there are the results, or why it failed. Interrupted, the command ends and the run goes on.

-p sets a param over what the file says: name=value; name=@FILE takes the content of a file; an array is given as JSON or by
more than one -p of the name, an object as JSON. -w binds a workspace: NAME=emptyDir, NAME=claim/CLAIM, NAME=new/1Gi,
NAME=configMap/MAP or NAME=secret/SECRET, each also with ,subPath=FOLDER.

--local uses a Kubernetes on this machine, whatever the kubeconfig says, and starts it, with Sluice on it, where it is not
up. It needs root, and the programs that make cli localkube builds, beside sluice. Results come through logs there, so that
large ones do. It stays up afterwards; how to end it is said.

Exit status: 0 the run succeeded (or was started, with --no-watch), 1 it failed, 2 it could not be started or watched,
130 interrupted.`,
		Example: `  sluice run -f task.yaml -p who=world
  sluice run -f examples/sbom-pipeline --logs
  sluice run -f pipelinerun.yaml -p 'images=["a","b"]' -w source=new/1Gi
  sluice run -f pipelinerun.yaml --no-watch
  sluice run -f examples/hello-results --local`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Watch = o.Watch && !noWatch
			o.Namespace = c.Flag("namespace").Value.String()
			return o.Run(c.Context())
		},
	}
	c.Flags().StringSliceVarP(&o.Files, "filename", "f", nil, "file or folder with the objects; - is standard input")
	c.Flags().StringArrayVarP(&o.Params, "param", "p", nil, "value of a param, name=value")
	c.Flags().StringArrayVarP(&o.Workspaces, "workspace", "w", nil, "volume of a workspace, name=volume")
	c.Flags().BoolVar(&o.Watch, "watch", true, "stay until the run has ended")
	c.Flags().BoolVar(&noWatch, "no-watch", false, "start the run, and return at once")
	c.Flags().BoolVar(&o.Logs, "logs", false, "print what the steps print")
	c.Flags().BoolVar(&o.Local, "local", false, "run on a cluster on this machine, started if it is not up")
	c.Flags().StringVar(&o.LocalDir, "local-dir", "", "folder of the cluster of --local (default: localkube's)")
	c.Flags().IntVar(&o.LocalPort, "local-port", 0, "port of its API server, when it is started (default: localkube's)")
	c.MarkFlagsMutuallyExclusive("watch", "no-watch")
	c.MarkFlagsMutuallyExclusive("logs", "no-watch")
	// The flag exists: it was made some lines above.
	_ = c.MarkFlagRequired("filename")
	o.Output.Register(c)
	return c
}

// Run does all of it.
func (o *Options) Run(ctx context.Context) error {
	objects, err := manifestfile.Read(o.Files, o.Terminal.In)
	if err != nil {
		return err
	}
	p, err := planOf(objects)
	if err != nil {
		return err
	}
	params, err := parseParams(o.Params)
	if err != nil {
		return err
	}
	for _, r := range p.create {
		if err := setWorkspaces(r, o.Workspaces); err != nil {
			return err
		}
	}
	c, err := o.connect(ctx)
	if err != nil {
		return err
	}
	started, err := o.start(ctx, c, p, params)
	if err != nil {
		return err
	}
	if !o.Watch {
		return o.leave(started)
	}
	return o.watchAll(ctx, c, started)
}

// connect connects to the cluster that is meant, and starts the local one.
func (o *Options) connect(ctx context.Context) (*cluster.Cluster, error) {
	if !o.Local {
		return o.Source.Connect()
	}
	kubeconfig, err := o.local().Start(ctx)
	if err != nil {
		return nil, err
	}
	return (&cluster.Flags{Kubeconfig: kubeconfig, Namespace: o.Namespace}).Connect()
}

func (o *Options) local() *local.Cluster {
	return &local.Cluster{Dir: o.LocalDir, Port: o.LocalPort, Terminal: o.Terminal}
}

// start applies and creates what the plan has.
func (o *Options) start(ctx context.Context, c *cluster.Cluster, p plan, params []given) ([]runs.Run, error) {
	for _, object := range p.apply {
		if err := apply(ctx, c, object); err != nil {
			return nil, err
		}
		o.Terminal.Notef("%s/%s applied", strings.ToLower(object.GetKind()), object.GetName())
	}
	// All runs are made ready before the first one starts, so that a wrong param starts none.
	for _, object := range p.create {
		if err := o.ready(ctx, c, object, params); err != nil {
			return nil, err
		}
	}
	var started []runs.Run
	for _, object := range p.create {
		r, err := create(ctx, c, object)
		if err != nil {
			return nil, err
		}
		o.Terminal.Notef("%s created in namespace %s", r.Reference(), r.Namespace())
		started = append(started, r)
	}
	return started, nil
}

func (o *Options) ready(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured, params []given) error {
	if err := place(c, object); err != nil {
		return err
	}
	if len(params) == 0 {
		return nil
	}
	return setParams(object, params, declaredParams(ctx, c, object))
}

// leave says how to come back to the runs.
func (o *Options) leave(started []runs.Run) error {
	err := o.print(started)
	for _, r := range started {
		o.Terminal.Hintf("sluice logs %s -n %s -f", r.Reference(), r.Namespace())
	}
	return err
}

// print prints the runs: their names, or the whole of them.
func (o *Options) print(all []runs.Run) error {
	var object any
	var list []any
	for _, r := range all {
		list = append(list, r.Typed())
	}
	object = map[string]any{"apiVersion": "v1", "kind": "List", "items": list}
	if len(list) == 1 {
		object = list[0]
	}
	return o.Output.Write(o.Terminal.Out, object, func(io.Writer) error {
		for _, r := range all {
			o.Terminal.Printf("%s\n", r.Reference())
		}
		return nil
	})
}

// watchAll watches the runs one after the other. They run at the same time.
func (o *Options) watchAll(ctx context.Context, c *cluster.Cluster, started []runs.Run) error {
	code := clierror.Success
	ended := make([]runs.Run, 0, len(started))
	for _, r := range started {
		s, err := o.watch(ctx, c, r)
		if ctx.Err() != nil {
			return interrupted(o.Terminal, started)
		}
		if err != nil {
			return clierror.Hint(err, "the run goes on: sluice describe "+r.Reference().String())
		}
		ended = append(ended, s.Run)
		if o.Output == table.Table {
			o.finish(ctx, c, s)
		}
		if !s.Run.Succeeded() {
			code = clierror.RunFailed
		}
	}
	if o.Output != table.Table {
		if err := o.print(ended); err != nil {
			return err
		}
	}
	if o.Local {
		o.Terminal.Hintf("the cluster stays up, for the next run and for kubectl; to end it: %s", o.local().Stop())
	}
	if code != clierror.Success {
		return clierror.Quiet(code)
	}
	return nil
}

// interrupted says that the runs go on, and how to come back.
func interrupted(t *terminal.Terminal, started []runs.Run) error {
	t.Notef("")
	var hints []string
	for _, r := range started {
		at := r.Reference().String() + " -n " + r.Namespace()
		t.Notef("interrupted; %s goes on", r.Reference())
		hints = append(hints, "to come back: sluice logs "+at+" -f", "to end it: sluice cancel "+at)
	}
	return &clierror.Error{Err: clierror.ErrQuiet, Hints: hints, Code: clierror.Interrupted}
}

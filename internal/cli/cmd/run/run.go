// Package run implements `sluice run`. It creates the objects of files, starts the run, shows its progress, and ends with the
// results or with the cause of the failure.
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
	"github.com/sluice-ci/sluice/internal/cli/launch"
	"github.com/sluice-ci/sluice/internal/cli/manifestfile"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options are the options of `sluice run`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Now returns the current time.
	Now func() time.Time
	// Files are the files and folders with the objects.
	Files []string
	// Params are as the user typed them, name=value.
	Params []string
	// Workspaces are as the user typed them, name=volume.
	Workspaces []string
	// Watch waits until the run has ended.
	Watch bool
	// Logs prints the output of the steps.
	Logs bool
	// Local runs on a cluster on this machine, and starts that cluster if necessary.
	Local bool
	// LocalDir and LocalPort are the folder and the port of that cluster. Empty and 0 select the defaults of localkube.
	LocalDir  string
	LocalPort int
	// Namespace is the namespace as the user typed it, for Local.
	Namespace string
	// Output is the format in which the run is printed at the end.
	Output table.Format
}

// NewCommand returns the command `sluice run`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source, Now: time.Now}
	var noWatch bool
	c := &cobra.Command{
		Use:   "run -f FILE...",
		Short: "Start a run from files, watch it, and show its results",
		Long: `Creates the objects of the files and starts their runs. It applies Tasks, Pipelines and all other objects first, and then
creates the TaskRuns and PipelineRuns. For files with one Pipeline or one Task and no run, it creates a run.

Then it shows the run as a tree of tasks and steps: live on a terminal, otherwise as lines. With --logs it prints the output
of the steps instead. At the end it prints the results, or the cause of the failure. If you interrupt it, the run continues.

-p sets a param and overrides the file: name=value, or name=@FILE for the content of a file. Give an array as JSON or by
several -p of the same name, and an object as JSON. -w binds a workspace: NAME=emptyDir, NAME=claim/CLAIM, NAME=new/1Gi,
NAME=configMap/MAP or NAME=secret/SECRET, each also with ,subPath=FOLDER.

--local uses a Kubernetes cluster on this machine and ignores the kubeconfig. It starts the cluster with Sluice and its resolvers if
it is not running. It needs root, and in the folder of sluice the programs that make cli localkube builds. Results leave pods through
logs there, so large results work. The cluster keeps running afterwards; the command prints how to stop it.

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
	c.Flags().BoolVar(&o.Watch, "watch", true, "wait until the run has ended")
	c.Flags().BoolVar(&noWatch, "no-watch", false, "start the run, and do not wait")
	c.Flags().BoolVar(&o.Logs, "logs", false, "print the output of the steps")
	c.Flags().BoolVar(&o.Local, "local", false, "run on a cluster on this machine, and start it if necessary")
	c.Flags().StringVar(&o.LocalDir, "local-dir", "", "folder of the cluster of --local (default: that of localkube)")
	c.Flags().IntVar(&o.LocalPort, "local-port", 0, "port of its API server, when it is started (default: that of localkube)")
	c.MarkFlagsMutuallyExclusive("watch", "no-watch")
	c.MarkFlagsMutuallyExclusive("logs", "no-watch")
	// The flag exists, because it is defined above.
	_ = c.MarkFlagRequired("filename")
	o.Output.Register(c)
	return c
}

// Run creates the objects, starts the runs, and watches or prints them.
func (o *Options) Run(ctx context.Context) error {
	objects, err := manifestfile.Read(o.Files, o.Terminal.In)
	if err != nil {
		return err
	}
	p, err := launch.PlanOf(objects)
	if err != nil {
		return err
	}
	params, err := parseParams(o.Params)
	if err != nil {
		return err
	}
	for _, r := range p.Create {
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

// connect connects to the selected cluster, and starts the local one if necessary.
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

// start applies and creates the objects of the plan.
func (o *Options) start(ctx context.Context, c *cluster.Cluster, p launch.Plan, params []given) ([]runs.Run, error) {
	for _, object := range p.Apply {
		if err := launch.Apply(ctx, c, object); err != nil {
			return nil, err
		}
		o.Terminal.Notef("%s/%s applied", strings.ToLower(object.GetKind()), object.GetName())
	}
	// All runs are prepared before the first one starts, so that a wrong param starts none.
	for _, object := range p.Create {
		if err := o.ready(ctx, c, object, params); err != nil {
			return nil, err
		}
	}
	var started []runs.Run
	for _, object := range p.Create {
		r, err := launch.Create(ctx, c, object)
		if err != nil {
			return nil, err
		}
		o.Terminal.Notef("%s created in namespace %s", r.FullName(), r.Namespace())
		started = append(started, r)
	}
	return started, nil
}

func (o *Options) ready(ctx context.Context, c *cluster.Cluster, object *unstructured.Unstructured, params []given) error {
	if err := launch.Place(c, object); err != nil {
		return err
	}
	if len(params) == 0 {
		return nil
	}
	return setParams(object, params, o.declaredParams(ctx, c, object))
}

// leave prints how to follow the runs.
func (o *Options) leave(started []runs.Run) error {
	err := o.print(started)
	for _, r := range started {
		o.Terminal.Hintf("sluice logs %s -n %s -f", r.FullName(), r.Namespace())
	}
	return err
}

// print prints the names of the runs, or the complete runs.
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
			o.Terminal.Printf("%s\n", r.FullName())
		}
		return nil
	})
}

// watchAll watches the runs one after the other, while all of them run.
func (o *Options) watchAll(ctx context.Context, c *cluster.Cluster, started []runs.Run) error {
	code := clierror.Success
	ended := make([]runs.Run, 0, len(started))
	for _, r := range started {
		s, err := o.watch(ctx, c, r)
		if ctx.Err() != nil {
			return interrupted(o.Terminal, started)
		}
		if err != nil {
			return clierror.Hint(err, "the run continues: sluice describe "+r.FullName().String())
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
		o.Terminal.Hintf("the cluster keeps running, for the next run and for kubectl; to stop it: %s", o.local().Stop())
	}
	if code != clierror.Success {
		return clierror.Quiet(code)
	}
	return nil
}

// interrupted prints that the runs continue, and how to follow or cancel them.
func interrupted(t *terminal.Terminal, started []runs.Run) error {
	t.Notef("")
	var hints []string
	for _, r := range started {
		at := r.FullName().String() + " -n " + r.Namespace()
		t.Notef("interrupted; %s continues", r.FullName())
		hints = append(hints, "to follow it: sluice logs "+at+" -f", "to cancel it: sluice cancel "+at)
	}
	return &clierror.Error{Err: clierror.ErrQuiet, Hints: hints, Code: clierror.Interrupted}
}

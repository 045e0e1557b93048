// Package migrate is `sluice migrate`: it prepares what is stored on a cluster for the end of earlier versions of the API.
package migrate

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/migration"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

const (
	// defaultRate is how many objects are rewritten in a second. A rewrite costs the API server about as much as an update.
	defaultRate = 50
	// largestRate is the maximum of the flag.
	largestRate = 10000
)

// crds are the CRDs with objects that may be stored in an earlier version, the definitions first.
func crds() []string {
	return []string{
		"tasks.tekton.dev", "pipelines.tekton.dev", "stepactions.tekton.dev", "taskruns.tekton.dev", "pipelineruns.tekton.dev",
		resolutionv1beta1.CRDName,
	}
}

// NewCommand returns the command `sluice migrate`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	c := &cobra.Command{
		Use:     "migrate",
		Short:   "Rewrite what is stored in an earlier version of the API",
		Long:    `Prepares the objects of a cluster for the end of earlier versions of the API.`,
		Example: `  sluice migrate storage --dry-run`,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newStorage(t, source))
	return c
}

// StorageOptions has the arguments of `sluice migrate storage`.
type StorageOptions struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	DryRun   bool
	// Rate is the maximum number of objects in a second.
	Rate   int
	Output table.Format
}

func newStorage(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &StorageOptions{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "storage",
		Short: "Rewrite objects that are stored as v1beta1 or v1alpha1",
		Long: `Rewrites the Tasks, TaskRuns, Pipelines, PipelineRuns, StepActions and ResolutionRequests of all namespaces, so that each is
stored in the current version, and then removes earlier versions from status.storedVersions of the CRDs. Objects keep their meaning:
the API server converts them, and no client sees a change.

The command can be interrupted and run again at any time. It rewrites an object once: a second time costs a request and writes nothing.
If an object cannot be rewritten, the command names it, continues with the others, and leaves status.storedVersions as it is.`,
		Example: `  sluice migrate storage --dry-run     # check each object, change nothing
  sluice migrate storage --rate=20     # 20 objects in a second`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Rate < 1 || o.Rate > largestRate {
				return clierror.Usage(c.CommandPath(), "cannot use --rate=%d: want 1 to %d", o.Rate, largestRate)
			}
			return o.run(c.Context())
		},
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "let the API server check each object, and change nothing")
	c.Flags().IntVar(&o.Rate, "rate", defaultRate, "objects to rewrite in a second, at most")
	o.Output.Register(c)
	return c
}

// Result is the output for programs.
type Result struct {
	DryRun bool                `json:"dryRun"`
	CRDs   []migration.Outcome `json:"crds"`
}

func (o *StorageOptions) run(ctx context.Context) error {
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	api, err := unlimited(c)
	if err != nil {
		return err
	}
	m := &migration.Migration{
		Definitions: migration.API{Client: api},
		Objects:     migration.API{Client: api, DryRun: o.DryRun},
		Limiter:     rate.NewLimiter(rate.Limit(o.Rate), 1),
		Backoff:     wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Steps: 6},
		DryRun:      o.DryRun,
		Progress: func(done migration.Outcome) {
			o.Terminal.Notef("%s: %d objects %s, %d failed", done.CRD, done.Rewritten, o.verb(), done.Failed)
		},
	}
	result := Result{DryRun: o.DryRun, CRDs: []migration.Outcome{}}
	for _, name := range crds() {
		done, failed := m.Run(ctx, name)
		result.CRDs = append(result.CRDs, done)
		if err = failed; err != nil {
			break
		}
	}
	show := func(w io.Writer) error { return o.grid(result).Write(w, o.Terminal) }
	if failed := o.Output.Write(o.Terminal.Out, result, show); failed != nil {
		return failed
	}
	if err != nil {
		return clierror.Hint(err, "run the command again: it continues with the objects that are left")
	}
	return o.outcome(result)
}

// unlimited returns a client whose only limit is that of the migration.
func unlimited(c *cluster.Cluster) (client.Client, error) {
	if c.Config == nil {
		return c.Client, nil
	}
	config := rest.CopyConfig(c.Config)
	config.QPS = -1
	api, err := client.New(config, client.Options{Scheme: c.Client.Scheme(), Mapper: c.Client.RESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("cannot create client: %w", err)
	}
	return api, nil
}

func (o *StorageOptions) verb() string {
	if o.DryRun {
		return "checked"
	}
	return "rewritten"
}

// outcome returns an error if an object could not be rewritten, after it has named the first ones.
func (o *StorageOptions) outcome(result Result) error {
	failed := 0
	for _, done := range result.CRDs {
		failed += done.Failed
		for _, one := range done.Failures {
			o.Terminal.Notef("%s: cannot rewrite %q: %s", done.CRD, one.Object, one.Cause)
		}
	}
	if failed == 0 {
		return nil
	}
	return &clierror.Error{
		Err:   fmt.Errorf("%d objects cannot be rewritten, so earlier versions stay in status.storedVersions", failed),
		Hints: []string{"change or delete the objects above, and run the command again"},
		Code:  clierror.RunFailed,
	}
}

func (o *StorageOptions) grid(result Result) *table.Grid {
	g := table.NewGrid("CRD", "STORED VERSIONS", strings.ToUpper(o.verb()), "FAILED")
	for _, done := range result.CRDs {
		versions := "not on this cluster"
		if !done.Absent {
			versions = strings.Join(done.After, ", ")
		}
		g.Add(table.Text(done.CRD), table.Text(versions), table.Text(strconv.Itoa(done.Rewritten)), table.Text(strconv.Itoa(done.Failed)))
	}
	return g
}

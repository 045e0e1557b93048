package runs

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

// Child is a run that a PipelineRun has created for a task, other than a TaskRun.
type Child struct {
	// Kind and Name of the run, and the pipeline task that it runs.
	Kind, Name, Task string
	// Condition is the condition Succeeded; nil until a controller has written it.
	Condition *metav1.Condition
	// Started and Ended are the times of the run; nil before.
	Started, Ended *metav1.Time
	// Results are the sizes of its results in bytes, by name.
	Results map[string]int
	// CustomRun is the object; nil for another kind, and for one that is deleted.
	CustomRun *v1beta1.CustomRun
	// Within is the PipelineRun with its own children; nil for another kind, and for one that is deleted.
	Within *Snapshot
}

// State returns the state of the run.
func (c *Child) State() State {
	state := StateOf(c.Condition)
	switch {
	case c.Within != nil:
		return c.Within.Run.State()
	case state == Failed && c.Condition.Reason == v1beta1.CustomRunReasonCancelled:
		return Cancelled
	}
	return state
}

// Took returns the duration of the run until now or until its end; 0 before it started.
func (c *Child) Took(now time.Time) time.Duration { return Between(c.Started, c.Ended, now) }

// Note names the kind of the run, and the reason of its condition.
func (c *Child) Note() string {
	if c.Condition == nil || c.Condition.Reason == "" {
		return c.Kind
	}
	return c.Kind + ", " + c.Condition.Reason
}

// readChildren reads the children of a PipelineRun that are no TaskRuns, in the order of its status. Of a child that is a PipelineRun
// it reads the children, too, down to the limit of levels.
func readChildren(ctx context.Context, c *cluster.Cluster, r Run, depth int) ([]Child, error) {
	if r.PipelineRun == nil {
		return nil, nil
	}
	others := &others{cluster: c, run: r, depth: depth}
	var children []Child
	for _, ref := range r.PipelineRun.Status.ChildReferences {
		child := Child{Kind: ref.Kind, Name: ref.Name, Task: ref.PipelineTaskName}
		var err error
		switch ref.Kind {
		case v1beta1.KindCustomRun:
			err = others.custom(ctx, &child)
		case v1.KindPipelineRun:
			err = others.pipeline(ctx, &child)
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	}
	return children, nil
}

// others are the children of a run that are no TaskRuns. Each kind is listed once, when the first of it is needed.
type others struct {
	cluster   *cluster.Cluster
	run       Run
	depth     int
	customs   map[string]*v1beta1.CustomRun
	pipelines map[string]*v1.PipelineRun
}

// options select the children of the run.
func (o *others) options() []client.ListOption {
	return []client.ListOption{client.InNamespace(o.run.Namespace()), client.MatchingLabels{v1.LabelPipelineRun: o.run.Name()}}
}

// custom takes the status of a CustomRun.
func (o *others) custom(ctx context.Context, child *Child) error {
	if o.customs == nil {
		var list v1beta1.CustomRunList
		err := o.cluster.Client.List(ctx, &list, o.options()...)
		if err != nil && !meta.IsNoMatchError(err) {
			return fmt.Errorf("cannot list the CustomRuns of PipelineRun %q: %w", o.run.Name(), err)
		}
		o.customs = make(map[string]*v1beta1.CustomRun, len(list.Items))
		for i := range list.Items {
			o.customs[list.Items[i].Name] = &list.Items[i]
		}
	}
	run := o.customs[child.Name]
	if run == nil {
		return nil
	}
	child.CustomRun = run
	child.Condition, child.Started, child.Ended = run.Status.Condition(), run.Status.StartTime, run.Status.CompletionTime
	child.Results = make(map[string]int, len(run.Status.Results))
	for _, result := range run.Status.Results {
		child.Results[result.Name] = len(result.Value)
	}
	return nil
}

// pipeline takes the status of a PipelineRun, and reads its children.
func (o *others) pipeline(ctx context.Context, child *Child) error {
	if o.pipelines == nil {
		var list v1.PipelineRunList
		if err := o.cluster.Client.List(ctx, &list, o.options()...); err != nil {
			return fmt.Errorf("cannot list the PipelineRuns of PipelineRun %q: %w", o.run.Name(), err)
		}
		o.pipelines = make(map[string]*v1.PipelineRun, len(list.Items))
		for i := range list.Items {
			o.pipelines[list.Items[i].Name] = &list.Items[i]
		}
	}
	run := o.pipelines[child.Name]
	if run == nil {
		return nil
	}
	child.Condition, child.Started, child.Ended = run.Status.Condition(), run.Status.StartTime, run.Status.CompletionTime
	child.Results = make(map[string]int, len(run.Status.Results))
	for _, result := range run.Status.Results {
		for _, text := range result.Value.Texts() {
			child.Results[result.Name] += len(text)
		}
	}
	inner, err := read(ctx, o.cluster, OfPipeline(run), o.depth+1)
	child.Within = &inner
	return err
}

// Children returns the children of one pipeline task that are no TaskRuns.
func (s Snapshot) Children(task string) []Child {
	var children []Child
	for _, child := range s.Others {
		if child.Task == task {
			children = append(children, child)
		}
	}
	return children
}

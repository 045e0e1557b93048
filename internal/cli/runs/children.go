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
}

// State returns the state of the run.
func (c *Child) State() State {
	state := StateOf(c.Condition)
	if state == Failed && c.Condition.Reason == v1beta1.CustomRunReasonCancelled {
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

// readChildren reads the children of a PipelineRun that are no TaskRuns, in the order of its status.
func readChildren(ctx context.Context, c *cluster.Cluster, r Run) ([]Child, error) {
	if r.PipelineRun == nil {
		return nil, nil
	}
	var references []v1.ChildReference
	for _, ref := range r.PipelineRun.Status.ChildReferences {
		if ref.Kind == v1beta1.KindCustomRun {
			references = append(references, ref)
		}
	}
	if len(references) == 0 {
		return nil, nil
	}
	var list v1beta1.CustomRunList
	err := c.Client.List(ctx, &list, client.InNamespace(r.Namespace()), client.MatchingLabels{v1.LabelPipelineRun: r.Name()})
	if err != nil && !meta.IsNoMatchError(err) {
		return nil, fmt.Errorf("cannot list the CustomRuns of PipelineRun %q: %w", r.Name(), err)
	}
	byName := make(map[string]*v1beta1.CustomRun, len(list.Items))
	for i := range list.Items {
		byName[list.Items[i].Name] = &list.Items[i]
	}
	var children []Child
	for _, ref := range references {
		child := Child{Kind: ref.Kind, Name: ref.Name, Task: ref.PipelineTaskName}
		if run := byName[ref.Name]; run != nil {
			child.fill(run)
		}
		children = append(children, child)
	}
	return children, nil
}

// fill takes the status of a CustomRun.
func (c *Child) fill(run *v1beta1.CustomRun) {
	c.Condition, c.Started, c.Ended = run.Status.Condition(), run.Status.StartTime, run.Status.CompletionTime
	c.Results = make(map[string]int, len(run.Status.Results))
	for _, result := range run.Status.Results {
		c.Results[result.Name] = len(result.Value)
	}
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

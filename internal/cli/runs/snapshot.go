package runs

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/validation"
)

// Snapshot is a run and its TaskRuns at one time.
type Snapshot struct {
	// Run is the requested run.
	Run Run
	// Tasks are the TaskRuns of a PipelineRun in the order of its status, and then those that are not in the status yet. For a
	// TaskRun it is the run.
	Tasks []*v1.TaskRun
	// Others are the other children of a PipelineRun, in the order of its status: CustomRuns and PipelineRuns.
	Others []Child
}

// Task returns the name of the pipeline task of a TaskRun. If a matrix created several TaskRuns of one task, each name has a
// number, from 1. A TaskRun without a pipeline has its own name.
func (s Snapshot) Task(tr *v1.TaskRun) string {
	if s.Run.TaskRun != nil {
		return tr.Name
	}
	task := tr.Labels[v1.LabelPipelineTask]
	if task == "" {
		return tr.Name
	}
	number, count := 0, 0
	for _, other := range s.Tasks {
		if other.Labels[v1.LabelPipelineTask] == task {
			count++
			if other.Name == tr.Name {
				number = count
			}
		}
	}
	if count > 1 {
		return fmt.Sprintf("%s-%d", task, number)
	}
	return task
}

// Count returns how many TaskRuns a pipeline task has: several if a matrix created them.
func (s Snapshot) Count(task string) int {
	n := 0
	for _, tr := range s.Tasks {
		if tr.Labels[v1.LabelPipelineTask] == task {
			n++
		}
	}
	return n
}

// Find returns the TaskRun with the name of a pipeline task, or with its own name; nil for none.
func (s Snapshot) Find(name string) *v1.TaskRun {
	for _, tr := range s.Tasks {
		if tr.Name == name || s.Task(tr) == name || tr.Labels[v1.LabelPipelineTask] == name {
			return tr
		}
	}
	return nil
}

// Failed returns the TaskRuns that have failed, in order.
func (s Snapshot) Failed() []*v1.TaskRun {
	var failed []*v1.TaskRun
	for _, tr := range s.Tasks {
		if StateOf(tr.Status.Condition()) == Failed {
			failed = append(failed, tr)
		}
	}
	return failed
}

// maxDepth is how many levels of PipelineRuns within others are read. The controller permits no more.
const maxDepth = validation.MaxNesting

// Read reads the children of a run, and those of PipelineRuns among them.
func Read(ctx context.Context, c *cluster.Cluster, r Run) (Snapshot, error) {
	return read(ctx, c, r, 0)
}

func read(ctx context.Context, c *cluster.Cluster, r Run, depth int) (Snapshot, error) {
	if depth > maxDepth {
		return Snapshot{Run: r}, nil
	}
	if r.TaskRun != nil {
		return Snapshot{Run: r, Tasks: []*v1.TaskRun{r.TaskRun}}, nil
	}
	var list v1.TaskRunList
	err := c.Client.List(ctx, &list, client.InNamespace(r.Namespace()), client.MatchingLabels{v1.LabelPipelineRun: r.Name()})
	if err != nil {
		return Snapshot{}, fmt.Errorf("cannot list the TaskRuns of PipelineRun %q: %w", r.Name(), err)
	}
	tasks := map[string]*v1.TaskRun{}
	for i := range list.Items {
		tasks[list.Items[i].Name] = &list.Items[i]
	}
	s := newSnapshot(r, tasks)
	s.Others, err = readChildren(ctx, c, r, depth)
	return s, err
}

// FindSnapshot reads the run that the user typed, and its TaskRuns.
func FindSnapshot(ctx context.Context, c *cluster.Cluster, text string) (Snapshot, error) {
	r, err := Find(ctx, c, text)
	if err != nil {
		return Snapshot{}, err
	}
	return Read(ctx, c, r)
}

func newSnapshot(r Run, tasks map[string]*v1.TaskRun) Snapshot {
	if r.TaskRun != nil {
		return Snapshot{Run: r, Tasks: []*v1.TaskRun{r.TaskRun}}
	}
	s := Snapshot{Run: r}
	rest := maps.Clone(tasks)
	for _, child := range r.PipelineRun.Status.ChildReferences {
		if tr, ok := rest[child.Name]; ok {
			s.Tasks = append(s.Tasks, tr)
			delete(rest, child.Name)
		}
	}
	s.Tasks = append(s.Tasks, slices.SortedFunc(maps.Values(rest), func(a, b *v1.TaskRun) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})...)
	return s
}

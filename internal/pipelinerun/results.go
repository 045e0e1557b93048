package pipelinerun

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// maxHeld is how many bytes of results a pass keeps for the next task that may need them.
const maxHeld = 32 << 20

// needs are results by the names of the tasks that produce them. A task without results is one of which only the size of
// the matrix is needed. It is a v1.ValueVisitor that notes what is referred to, and changes nothing.
type needs map[string]sets.Set[string]

// neededBy returns what a task needs, but for its when expressions.
func neededBy(task *v1.PipelineTask) needs {
	unguarded := *task
	unguarded.When = nil
	n := needs{}
	unguarded.VisitValues(nil, n)
	return n
}

// neededByGuard returns what the when expressions of a task need.
func neededByGuard(task *v1.PipelineTask) needs {
	n := needs{}
	(&v1.PipelineTask{When: task.When}).VisitValues(nil, n)
	return n
}

// neededByResults returns what the results of the pipeline need.
func neededByResults(spec *v1.PipelineSpec) needs {
	n := needs{}
	for i := range spec.Results {
		n.VisitValue(nil, &spec.Results[i].Value)
	}
	return n
}

// tasks returns the names of the tasks, sorted.
func (n needs) tasks() []string { return slices.Sorted(maps.Keys(n)) }

// VisitText notes what one text refers to.
func (n needs) VisitText(_ *field.Path, text *string) { n.note(*text) }

// VisitElements notes what each text of a list refers to.
func (n needs) VisitElements(_ *field.Path, list *[]string) {
	for _, text := range *list {
		n.note(text)
	}
}

// VisitValue notes what each text of a value refers to.
func (n needs) VisitValue(_ *field.Path, value *v1.Value) {
	for _, text := range value.Texts() {
		n.note(text)
	}
}

func (n needs) note(text string) {
	for r := range v1.References(text) {
		if ref, ok := r.ResultRef(); ok {
			n.add(ref.Task, ref.Result)
		} else if task, result, ok := r.MatrixLength(); ok {
			n.add(task, result)
		}
	}
}

func (n needs) add(task, result string) {
	if n[task] == nil {
		n[task] = sets.New[string]()
	}
	if result != "" {
		n[task].Insert(result)
	}
}

// results are those of tasks that have ended, as far as a pass has read them. It is a substitute.Tasks.
type results struct {
	tasks map[string]*Standing
	// values by task and by name. A result that was looked for and is not there has no entry in known's values.
	values map[string]map[string]v1.Value
	// looked are the results that were looked for.
	looked needs
	held   int
}

func newResults(tasks map[string]*Standing) *results {
	return &results{tasks: tasks, values: map[string]map[string]v1.Value{}, looked: needs{}}
}

// Result is a result that a task has produced, whether it succeeded or not.
func (r *results) Result(task, result string) (v1.Value, bool) {
	value, ok := r.values[task][result]
	return value, ok
}

// Combinations is how many TaskRuns a task has.
func (r *results) Combinations(task string) (int, bool) {
	s := r.tasks[task]
	if s == nil || len(s.Children) == 0 {
		return 0, false
	}
	return len(s.Children), true
}

// reader reads a whole TaskRun from the API server, or says that the one that is meant is gone.
type reader func(ctx context.Context, child *v1.TaskRun) (whole *v1.TaskRun, gone bool, err error)

// lostError is a TaskRun whose results are needed and that is gone, and they with it: a run that needs them must not go
// on as if there were none.
type lostError struct{ task string }

func (e *lostError) Error() string {
	return fmt.Sprintf("cannot get results of task %q: its TaskRun is gone", e.task)
}

// load reads what is needed and not known yet. Results come from the API server: the cache has dropped them, since most
// are never used again. Of each TaskRun only what is needed stays in memory. The error is a *lostError, or one of the API
// server's.
func (r *results) load(ctx context.Context, read reader, wanted needs) error {
	for _, task := range wanted.tasks() {
		s := r.tasks[task]
		if s == nil || len(s.Children) == 0 || !s.Position.settled() {
			continue
		}
		missing := wanted[task].Difference(r.looked[task])
		if missing.Len() == 0 {
			continue
		}
		if err := r.loadTask(ctx, read, s, missing); err != nil {
			return err
		}
	}
	return nil
}

func (r *results) loadTask(ctx context.Context, read reader, s *Standing, names sets.Set[string]) error {
	task := s.Task.Name
	found := r.values[task]
	if found == nil {
		found = map[string]v1.Value{}
		r.values[task] = found
	}
	for i := range s.Children {
		c := &s.Children[i]
		if c.Lost {
			continue
		}
		whole, gone, err := read(ctx, c.TaskRun)
		if err != nil {
			return err
		}
		if gone {
			c.Lost = true
			s.settle()
			return &lostError{task}
		}
		for _, result := range whole.Status.Results {
			if names.Has(result.Name) {
				found[result.Name] = joined(s.Task.Matrix != nil, found[result.Name], result.Value)
				r.held += sizeOf(result.Value)
			}
		}
	}
	for name := range names {
		r.looked.add(task, name)
	}
	return nil
}

// joined is a result of a task: that of its one TaskRun, or the array of those of all.
func joined(matrix bool, all, next v1.Value) v1.Value {
	if !matrix {
		return next
	}
	// A matrix takes strings only, which is checked before the run starts. JSON keeps anything else whole all the same.
	text := next.String
	if next.Type != v1.TypeString {
		encoded, _ := next.MarshalJSON() // arrays and maps of strings can always be encoded
		text = string(encoded)
	}
	return v1.ArrayValue(append(all.Array, text)...)
}

func sizeOf(value v1.Value) int {
	n := 0
	for _, text := range value.Texts() {
		n += len(text)
	}
	return n
}

// forget drops what is held once that is much.
func (r *results) forget() {
	if r.held > maxHeld {
		*r = *newResults(r.tasks)
	}
}

// only returns the results of the tasks whose position is among these.
func (r *results) only(positions ...Position) *results {
	kept := &results{tasks: r.tasks, values: map[string]map[string]v1.Value{}}
	for task, values := range r.values {
		if slices.Contains(positions, r.tasks[task].Position) {
			kept.values[task] = values
		}
	}
	return kept
}

// read is a reader that asks the API server.
func (r *Reconciler) read(ctx context.Context, child *v1.TaskRun) (*v1.TaskRun, bool, error) {
	whole := &v1.TaskRun{}
	err := r.live.Get(ctx, types.NamespacedName{Namespace: child.Namespace, Name: child.Name}, whole)
	switch {
	case apierrors.IsNotFound(err), err == nil && whole.UID != child.UID:
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("cannot get results of TaskRun %q: %w", child.Name, err)
	}
	return whole, false, nil
}

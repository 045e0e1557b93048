package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/substitute"
)

// What one pass holds of results at most, in bytes: maxWanted of those that one task needs, and maxKept of those that it
// keeps for the tasks behind it. A result that is an array of short texts takes more in memory than it has text: maxWanted
// counts elementBytes for each. No TaskRun could hold that many elements.
const (
	maxKept      = 8 << 20
	maxWanted    = 2 * substitute.MaxBytes
	elementBytes = 16
)

// What a pass reserves of the budget that all passes share, in bytes: light for one that has results of at most lightHeld,
// and for the TaskRun that it is reading; heavy for all that one pass can hold, with the texts that results are put into.
const (
	lightHeld = 2 << 20
	light     = 8 << 20
	heavy     = maxWanted + maxKept + light + 2*substitute.MaxBytes

	// Memory is how many bytes of results all passes may hold together, 144 MiB: two of the largest and six others, or
	// eighteen others.
	Memory = 3 * heavy
	// heavyInAll passes may hold more than light at once, of which one namespace has heavyOfOne. The last third of the memory
	// is always there for passes with few results.
	heavyInAll, heavyOfOne = 2, 1
)

// NewMemory returns the budget that all passes share.
func NewMemory() *budget.Budget { return budget.NewFair(Memory, light, heavyOfOne, heavyInAll) }

// errBusy says that other passes hold all the memory that there is for results; the run comes again soon.
var errBusy = errors.New("other runs hold the memory for results")

// results are those of tasks that have ended, as far as a pass has read them. It is a substitute.Tasks.
type results struct {
	tasks map[string]*TaskState
	// values by task and by name. A result that was looked for and is not there has no entry in values.
	values map[string]map[string]v1.Value
	// looked are the results that were looked for, with what is kept of each.
	looked needs
	// held is how many bytes they take.
	held  int
	lease *budget.Lease
}

func newResults(tasks map[string]*TaskState, lease *budget.Lease) *results {
	return &results{tasks: tasks, values: map[string]map[string]v1.Value{}, looked: needs{}, lease: lease}
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

// tooMuchError says that the results which one task needs are more than its params can hold.
type tooMuchError struct {
	task, result string
	bytes, limit int
}

func (e *tooMuchError) Error() string {
	return fmt.Sprintf("cannot load result %q of task %q: with it, the results that are referred to have %d bytes together, the limit is %d; "+
		"refer to fewer, or hand large data on through a workspace", e.result, e.task, e.bytes, e.limit)
}

// wantedBytes counts the results that one task needs while they are loaded.
type wantedBytes struct{ text, memory int }

// add counts what is used of a value of so many elements, and says so when that is more than one task can take.
func (w *wantedBytes) add(task, result string, text, elements int) error {
	w.text += text
	w.memory += text + elements*elementBytes
	switch {
	case w.text > substitute.MaxBytes:
		return &tooMuchError{task, result, w.text, substitute.MaxBytes}
	case w.memory > maxWanted:
		return &tooMuchError{task, result, w.memory, maxWanted}
	}
	return nil
}

// load reads what is needed and not known yet. Results come from the API server: the cache has dropped them, since most
// are never used again. Of each TaskRun only what is needed stays in memory, and loading stops as soon as that is more than
// one task can take. The error is a *tooMuchError, a *lostError, errBusy, or one of the API server's.
func (r *results) load(ctx context.Context, read reader, wanted needs) error {
	var bytes wantedBytes
	for _, task := range wanted.tasks() {
		s := r.tasks[task]
		if s == nil || len(s.Children) == 0 || !s.Phase.done() {
			continue
		}
		missing, err := r.missing(task, wanted[task], &bytes)
		if err == nil && missing {
			err = r.loadTask(ctx, read, s, wanted[task], &bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// missing reports whether a result of a task is needed of which not enough is known. It counts those of which enough is.
func (r *results) missing(task string, wanted map[string]*uses, bytes *wantedBytes) (bool, error) {
	known := r.looked[task]
	if known == nil {
		return len(wanted) > 0, nil
	}
	missing := false
	for name, use := range wanted {
		if !known[name].covers(use) {
			missing = true
			continue
		}
		if value, ok := r.values[task][name]; ok {
			if err := bytes.add(task, name, use.bytes(value), len(value.Array)); err != nil {
				return false, err
			}
		}
	}
	return missing, nil
}

// loadTask reads the TaskRuns of a task.
func (r *results) loadTask(ctx context.Context, read reader, s *TaskState, wanted map[string]*uses, bytes *wantedBytes) error {
	missing := r.drop(s.Task.Name, wanted)
	for i := range s.Children {
		c := &s.Children[i]
		if c.Lost {
			continue
		}
		if !r.reserve() {
			return errBusy
		}
		whole, gone, err := read(ctx, c.TaskRun)
		if err != nil {
			return err
		}
		if gone {
			c.Lost = true
			s.update()
			return &lostError{s.Task.Name}
		}
		for _, result := range whole.Status.Results {
			if use := missing[result.Name]; use != nil {
				if err := r.keep(s, result, use, wanted[result.Name], bytes); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// drop drops the results of a task of which more is needed than is kept, and notes what is to be kept of them from now on.
func (r *results) drop(task string, wanted map[string]*uses) map[string]*uses {
	if r.values[task] == nil {
		r.values[task], r.looked[task] = map[string]v1.Value{}, map[string]*uses{}
	}
	known, missing := r.looked[task], map[string]*uses{}
	for name, use := range wanted {
		if known[name].covers(use) {
			continue
		}
		together := &uses{}
		together.merge(use)
		if known[name] != nil {
			together.merge(known[name])
		}
		r.held -= memoryOf(r.values[task][name])
		delete(r.values[task], name)
		known[name], missing[name] = together, together
	}
	return missing
}

// keep adds what is needed of a result to what is known of it. wanted is what the task at hand uses.
func (r *results) keep(s *TaskState, result v1.TaskRunResult, use, wanted *uses, bytes *wantedBytes) error {
	task := s.Task.Name
	before := r.values[task][result.Name]
	if s.Task.Matrix == nil {
		kept := use.of(result.Value)
		r.values[task][result.Name] = kept
		r.held += memoryOf(kept) - memoryOf(before)
		return bytes.add(task, result.Name, wanted.bytes(result.Value), len(result.Value.Array))
	}
	text, at, used := textOf(result.Value), len(before.Array), 0
	if wanted.whole || wanted.elements[at] {
		used = len(text)
	}
	if !use.whole && !use.elements[at] {
		text = "" // its place counts
	}
	r.values[task][result.Name] = v1.ArrayValue(append(before.Array, text)...)
	r.held += len(text) + elementBytes
	return bytes.add(task, result.Name, used, 1)
}

// reserve makes sure that there is memory for what is held and for one more TaskRun.
func (r *results) reserve() bool {
	if r.held > lightHeld {
		return r.lease.Grow(heavy)
	}
	return r.lease.Grow(light)
}

// shrink gives back what the pass needs no more once it has decided: of results there is left what the TaskRuns that it starts
// hold, which have so many bytes as JSON, and what the results of the run are made of.
func (r *results) shrink(started int, kept bool) {
	const perByte = 5 // an element of an array takes 16 bytes besides its text, where JSON has 3
	switch {
	case kept && r.held > lightHeld, started*perByte > light:
	case kept || started > 0:
		r.lease.Shrink(light)
	default:
		r.lease.End()
	}
}

// textOf is a result of one TaskRun of a matrix. A matrix takes strings only, which is checked before the run starts; JSON
// keeps anything else whole all the same.
func textOf(value v1.Value) string {
	if value.Type == v1.TypeString || value.Type == "" {
		return value.String
	}
	encoded, _ := value.MarshalJSON() // arrays and maps of strings can always be encoded
	return string(encoded)
}

func sizeOf(value v1.Value) int {
	n := 0
	for _, text := range value.Texts() {
		n += len(text)
	}
	return n
}

// memoryOf is how many bytes a value takes.
func memoryOf(value v1.Value) int {
	n := sizeOf(value) + len(value.Array)*elementBytes
	for key := range value.Object {
		n += len(key) + 2*elementBytes
	}
	return n
}

// forget drops what is held once that is much.
func (r *results) forget() {
	if r.held > maxKept {
		*r = *newResults(r.tasks, r.lease)
	}
}

// of returns the needs that are about tasks whose position is among these.
func (n needs) of(tasks map[string]*TaskState, phases ...Phase) needs {
	out := needs{}
	for task, wanted := range n {
		if s := tasks[task]; s != nil && slices.Contains(phases, s.Phase) {
			out[task] = wanted
		}
	}
	return out
}

// only returns the results of the tasks whose position is among these.
func (r *results) only(phases ...Phase) *results {
	kept := &results{tasks: r.tasks, values: map[string]map[string]v1.Value{}}
	for task, values := range r.values {
		if slices.Contains(phases, r.tasks[task].Phase) {
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

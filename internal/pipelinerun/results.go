package pipelinerun

import (
	"context"
	"fmt"
	"maps"
	"slices"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// The maximum bytes of results that one reconcile holds: maxWanted of those that one task needs, and maxKept of those that it
// keeps for later tasks. A result that is an array of short texts needs more memory than its text: maxWanted counts
// elementBytes for each element. No TaskRun could hold that many elements.
const (
	maxKept      = 8 << 20
	maxWanted    = 2 * substitute.MaxBytes
	elementBytes = 16
)

// The bytes that a reconcile reserves of the budget that all share: light for results of at most lightHeld, and the child
// that it is reading; heavy for the maximum of one reconcile, with the texts into which results are inserted.
const (
	lightHeld = 2 << 20
	light     = 8 << 20
	heavy     = maxWanted + maxKept + light + 2*substitute.MaxBytes

	// Memory is the maximum bytes of results that all reconciles hold together, 112 MiB: two of the largest and two others,
	// or fourteen others.
	Memory = 2*heavy + 2*light
	// At most heavyInAll reconciles hold more than light at once, and heavyOfOne of one namespace. The rest of the memory is
	// always available for reconciles with few results.
	heavyInAll, heavyOfOne = 2, 1
	// shareOfOne is the maximum of all reconciles of one namespace, so that those of others can always read results.
	shareOfOne = Memory * 3 / 4
)

// NewMemory returns the budget that all reconciles share.
func NewMemory() *budget.Budget {
	return budget.NewFair(Memory, light, heavyOfOne, heavyInAll).Shared(shareOfOne)
}

// results are the results of finished tasks that a reconcile has read.
type results struct {
	// values are by task and by name. A result that was read but does not exist has no entry.
	values map[string]map[string]v1.Value
	// looked are the results that were read, with the kept parts of each.
	looked needs
	// unwritten are the children of matrices that did not write a result that was read, by task and by result.
	unwritten map[string]map[string]*copies
	// tooMuch names the tasks that need more results than they can hold; "" means the results of the pipeline.
	tooMuch map[string]error
	// held is the bytes of the values.
	held  int
	lease *budget.Lease
}

func newResults(lease *budget.Lease) *results {
	return &results{
		values: map[string]map[string]v1.Value{}, looked: needs{}, unwritten: map[string]map[string]*copies{},
		tooMuch: map[string]error{}, lease: lease,
	}
}

// view is a substitute.Tasks: the results of some tasks, and how many children tasks have.
type view struct {
	tasks  map[string]*TaskState
	values map[string]map[string]v1.Value
}

// resultsOf returns the results of the tasks in one of these phases, or of all tasks if no phase is given. Loaded may be nil.
func resultsOf(tasks map[string]*TaskState, loaded *results, phases ...Phase) view {
	v := view{tasks: tasks, values: map[string]map[string]v1.Value{}}
	if loaded == nil {
		return v
	}
	if len(phases) == 0 {
		v.values = loaded.values
		return v
	}
	for task, values := range loaded.values {
		if slices.Contains(phases, tasks[task].Phase) {
			v.values[task] = values
		}
	}
	return v
}

// Result returns a result of a task, whether the task succeeded or not.
func (v view) Result(task, result string) (v1.Value, bool) {
	value, ok := v.values[task][result]
	return value, ok
}

// trimmed is a view with only the results that one task needs, even if others are kept.
type trimmed struct {
	view

	needs needs
}

// Result returns the needed parts of a result of a task.
func (t trimmed) Result(task, result string) (v1.Value, bool) {
	value, ok := t.view.Result(task, result)
	if use := t.needs[task][result]; ok && use != nil {
		value = use.of(value)
	}
	return value, ok
}

// Combinations returns how many combinations the matrix of a task has; 1 for a task without one. Of an incomplete matrix it is unknown,
// as its results are.
func (v view) Combinations(task string) (int, bool) {
	s := v.tasks[task]
	if s == nil || len(s.Children) == 0 || s.incomplete() {
		return 0, false
	}
	return len(s.Children), true
}

// tooMuchError means that the results that one task needs exceed what its params can hold.
type tooMuchError struct {
	task, result string
	bytes, limit int
}

func (e *tooMuchError) Error() string {
	return fmt.Sprintf("cannot load result %q of task %q: with it, the results that are referred to have %d bytes together, the limit is %d; "+
		"refer to fewer, or pass large data through a workspace", e.result, e.task, e.bytes, e.limit)
}

// wantedBytes counts the results that one task needs while they are loaded.
type wantedBytes struct{ text, memory int }

// add adds the used parts of a value with this number of elements, and returns an error if one task cannot hold them.
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

// known reports whether everything is known that a task needs, or that the results of the pipeline need, for which task is
// empty. The error is a *tooMuchError.
func (r *results) known(task string, wanted needs, tasks map[string]*TaskState) (bool, error) {
	if err := r.tooMuch[task]; err != nil {
		return true, err
	}
	var bytes wantedBytes
	for _, producer := range wanted.tasks() {
		if !mayHaveResults(tasks[producer]) {
			continue
		}
		if missing, err := r.missing(producer, wanted[producer], &bytes); missing || err != nil {
			return err != nil, err
		}
	}
	return true, nil
}

// mayHaveResults reports whether the results of a task can be read. If one child of a matrix is gone, or was not created, the results
// of the others are not those of the task.
func mayHaveResults(s *TaskState) bool {
	return s != nil && len(s.Children) > 0 && s.Phase.done() && !s.incomplete() &&
		!slices.ContainsFunc(s.Children, func(c Child) bool { return c.Lost })
}

// load reads what is needed and not known yet. Of each child only the needed parts stay in memory, and loading stops as
// soon as they exceed what one task can hold. The error is a *tooMuchError, a *lostError, errBusy, or one of the API server.
func (r *results) load(ctx context.Context, read reader, wanted needs, tasks map[string]*TaskState) error {
	var bytes wantedBytes
	for _, producer := range wanted.tasks() {
		s := tasks[producer]
		if !mayHaveResults(s) {
			continue
		}
		missing, err := r.missing(producer, wanted[producer], &bytes)
		if err == nil && missing {
			err = r.loadTask(ctx, read, s, wanted[producer], &bytes)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// missing reports whether a needed result of a task is not known, or not enough of it. It counts the known ones.
func (r *results) missing(task string, wanted map[string]*uses, bytes *wantedBytes) (bool, error) {
	known := r.looked[task]
	missing := false
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		use := wanted[name]
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

// loadTask reads the children of a task. If it cannot read all of them, it keeps nothing of them: a part of the results of a
// matrix must not become a shorter list.
func (r *results) loadTask(ctx context.Context, read reader, s *TaskState, wanted map[string]*uses, bytes *wantedBytes) error {
	missing := r.drop(s.Task.Name, wanted)
	err := r.loadChildren(ctx, read, s, wanted, missing, bytes)
	if err != nil {
		for name := range missing {
			r.remove(s.Task.Name, name)
		}
	}
	return err
}

func (r *results) loadChildren(ctx context.Context, read reader, s *TaskState, wanted, missing map[string]*uses, bytes *wantedBytes) error {
	for i := range s.Children {
		if s.Children[i].Unanswered { // it may still write them
			r.noteUnwritten(s, s.Children[i].Run, nil, missing)
			continue
		}
		if !r.reserve() {
			return errBusy
		}
		child := s.Children[i].Run
		whole, gone, err := read(ctx, child)
		if err != nil {
			return err
		}
		if gone {
			return &lostError{s.Task.Name, child.Kind().Name(), child.GetName()}
		}
		r.noteUnwritten(s, child, whole.Results(), missing)
		for _, result := range whole.Results() {
			if use := missing[result.Name]; use != nil {
				if err := r.keep(s, result, use, wanted[result.Name], bytes); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// remove removes a result of a task.
func (r *results) remove(task, name string) {
	r.held -= memoryOf(r.values[task][name])
	delete(r.values[task], name)
	delete(r.looked[task], name)
	delete(r.unwritten[task], name)
}

// drop drops the results of a task of which more is needed than is kept, and records what must be kept of them.
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
		r.remove(task, name)
		known[name], missing[name] = together, together
	}
	return missing
}

// keep adds the needed parts of a result to the known ones. Wanted is the uses of the present task.
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
		text = "" // only its place counts
	}
	r.values[task][result.Name] = v1.ArrayValue(append(before.Array, text)...)
	r.held += len(text) + elementBytes
	return bytes.add(task, result.Name, used, 1)
}

// reserve reserves memory for what is held and for one more child.
func (r *results) reserve() bool {
	if r.held > lightHeld {
		return r.lease.Grow(heavy)
	}
	return r.lease.Grow(light)
}

// shrink releases what the reconcile no longer needs after it has decided. It keeps the results in the children that it
// starts, which have this number of bytes as JSON, and those for the results of the run.
func (r *results) shrink(started int, kept bool) {
	const perByte = 5 // an element of an array takes 16 bytes in addition to its text, for 3 bytes in JSON
	switch {
	case kept && r.held > lightHeld, started*perByte > light:
	case kept || started > 0:
		r.lease.Shrink(light)
	default:
		r.lease.End()
	}
}

// textOf returns a result of one child of a matrix. A matrix permits only strings, which is checked before the run starts.
// JSON keeps any other value complete.
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

// memoryOf returns the bytes of a value in memory.
func memoryOf(value v1.Value) int {
	n := sizeOf(value) + len(value.Array)*elementBytes
	for key := range value.Object {
		n += len(key) + 2*elementBytes
	}
	return n
}

// forget drops what is held, except the results to keep, if it exceeds maxKept.
func (r *results) forget(keep needs) {
	if r.held <= maxKept {
		return
	}
	for task, looked := range r.looked {
		for name := range looked {
			if keep[task][name] == nil {
				r.remove(task, name)
			}
		}
	}
}

// of returns the needs for tasks with these positions.
func (n needs) of(tasks map[string]*TaskState, phases ...Phase) needs {
	out := needs{}
	for task, wanted := range n {
		if s := tasks[task]; s != nil && slices.Contains(phases, s.Phase) {
			out[task] = wanted
		}
	}
	return out
}

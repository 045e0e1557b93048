package substitute

import (
	"errors"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// StepResults returns the result of a step, and false if the step did not write it.
type StepResults func(step, result string) (v1.Value, bool)

// TaskResults makes the results of a task that take their values from results of its steps. All values that one TaskResults
// makes can have MaxBytes together.
type TaskResults struct {
	steps  StepResults
	budget budget
}

// NewTaskResults returns TaskResults for a task whose steps have these results.
func NewTaskResults(steps StepResults) *TaskResults { return &TaskResults{steps: steps} }

// errNotWritten says that a step did not write a result.
var errNotWritten = errors.New("the step did not write the result")

// Value returns a value with the results of steps substituted, as in params of a pipeline's task; see PipelineTask. ok is
// false if a step did not write one of these results. The error is an *UnresolvedError or a *TooLongError.
func (t *TaskResults) Value(path *field.Path, value v1.Value) (out v1.Value, ok bool, err error) {
	resolve := func(at place) resolver {
		return func(r variables.Reference) (v1.Value, error) { return t.resolve(at, r) }
	}
	out, err = values{resolver: resolve, budget: &t.budget, strict: true}.value(path, value)
	if errors.Is(err, errNotWritten) {
		return v1.Value{}, false, nil
	}
	return out, err == nil, err
}

func (t *TaskResults) resolve(at place, r variables.Reference) (v1.Value, error) {
	unresolved := func(problem string) (v1.Value, error) {
		return v1.Value{}, &UnresolvedError{Field: at.String(), Variable: r.Text, Problem: problem}
	}
	ref, ok := r.StepResultRef()
	if !ok || ref.Artifacts != "" {
		return unresolved("it is not a result of a step")
	}
	found, ok := t.steps(ref.Step, ref.Result)
	if !ok {
		return v1.Value{}, errNotWritten
	}
	named := part{noun: "the result", index: ref.Index, keyed: ref.Key != "", key: ref.Key}
	// A whole array or object can be meant without [*], as in params.
	named.whole = found.Type != v1.TypeString && !named.keyed && named.index < 0
	value, problem := named.of(found)
	if problem != "" {
		return unresolved(problem)
	}
	return value, nil
}

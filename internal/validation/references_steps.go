package validation

import (
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// stepContainerPrefix begins the name of a step's container, which is what $(steps.<container>.exitCode.path) has.
const stepContainerPrefix = "step-"

// stepsProblem says what is wrong with a reference to another step, or returns "".
func (s scope) stepsProblem(r variables.Reference, place use) string {
	if len(r.Names) == 3 && r.Names[1] == "exitCode" && r.Names[2] == attributePath && !r.HasIndex() {
		return s.exitCodeProblem(r.Names[0])
	}
	ref, ok := r.StepResultRef()
	if !ok {
		return "another step is referred to as $(steps.<step>.results.<result>) or $(steps.step-<step>.exitCode.path)"
	}
	if !s.runtime {
		return "the result of a step is known only when a later step starts: it can be used in command, args, " +
			"script, env, params and when of steps"
	}
	if problem := s.steps.earlier.unknown("earlier step", ref.Step); problem != "" {
		return problem
	}
	i, _ := s.steps.byName().get(ref.Step)
	if s.steps.steps[i].Ref != nil {
		return "" // the StepAction is not known here
	}
	place.ref = strings.Join([]string{variables.RootSteps, ref.Step, variables.AttributeResults, ref.Result}, ".")
	return stepResultProblem(s.steps.results(i), ref, place)
}

// stepResultProblem says what is wrong with using a result of a step that is written out, or returns "".
func stepResultProblem(results *names[*v1.StepResult], ref variables.StepResultRef, place use) string {
	declared, ok := results.get(ref.Result)
	if !ok {
		return results.unknown("result of step "+shown(ref.Step), ref.Result)
	}
	place.noun, place.name = "result", ref.Result
	place.keyed, place.key, place.whole, place.indexed = ref.Key != "", ref.Key, ref.Whole, ref.Index >= 0
	place.strict = true
	return useProblem(place, declared.ValueType(), declared.Properties)
}

// stepIndex finds the steps of a task and their results by name. Each part of it is made once, when it is first asked for.
type stepIndex struct {
	steps []v1.Step
	// earlier are the names of the steps before the one that refers.
	earlier *nameSet
	reached int

	names      *names[int]
	containers *nameSet
	declared   []*names[*v1.StepResult]
}

func newStepIndex(steps []v1.Step) *stepIndex {
	return &stepIndex{steps: steps, earlier: newNames[struct{}](nil)}
}

// reach makes the steps before the one of index n the earlier ones. It goes forward only.
func (x *stepIndex) reach(n int) {
	for ; x.reached < n; x.reached++ {
		x.earlier.add(suffix(x.steps[x.reached].Name, x.reached), struct{}{})
	}
}

// byName are the indices of the steps by name; of two that have the same, the first.
func (x *stepIndex) byName() *names[int] {
	if x.names == nil {
		x.names = newNames[int](nil)
		for i := range x.steps {
			x.names.addFirst(suffix(x.steps[i].Name, i), i)
		}
	}
	return x.names
}

// results are those that a step declares; of two that have the same name, the first.
func (x *stepIndex) results(i int) *names[*v1.StepResult] {
	if x.declared == nil {
		x.declared = make([]*names[*v1.StepResult], len(x.steps))
	}
	if x.declared[i] == nil {
		x.declared[i] = newNames[*v1.StepResult](nil)
		for n := range x.steps[i].Results {
			x.declared[i].addFirst(x.steps[i].Results[n].Name, &x.steps[i].Results[n])
		}
	}
	return x.declared[i]
}

func (s scope) exitCodeProblem(container string) string {
	x := s.steps
	if x.containers == nil {
		x.containers = setOf(len(x.steps), func(i int) string { return stepContainerPrefix + suffix(x.steps[i].Name, i) })
	}
	return x.containers.unknown("container of a step", container)
}

// ownStepProblem says what is wrong with a reference of a step to a result of its own, or returns "".
func (s scope) ownStepProblem(r variables.Reference) string {
	if len(r.Names) != 3 || r.Names[0] != variables.AttributeResults || r.Names[2] != attributePath || r.HasIndex() {
		return "a step refers to the file of a result of its own as $(step.results.<name>.path)"
	}
	if s.step < 0 {
		return "only a step has results of its own"
	}
	return s.steps.results(s.step).unknown("result of this step", r.Names[1])
}

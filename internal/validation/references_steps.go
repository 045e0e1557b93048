package validation

import (
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// stepContainerPrefix begins the name of a step's container, which is what $(steps.<container>.exitCode.path) has.
const stepContainerPrefix = "step-"

// stepsProblem returns what is wrong with a reference to another step.
func (s scope) stepsProblem(r variables.Reference, place use) problem {
	if len(r.Names) == 3 && r.Names[1] == "exitCode" && r.Names[2] == attributePath && !r.HasIndex() {
		return leftAlone(s.exitCodeProblem(r.Names[0]))
	}
	ref, ok := r.StepResultRef()
	switch {
	case ok && s.runtime:
		return failing(s.stepResultProblem(ref, place))
	case ok && s.step != noStep:
		return refused(stepResultTooEarly)
	case ok:
		return leftAlone(stepResultTooEarly)
	case len(r.Names) > 1 && (r.Names[1] == variables.AttributeInputs || r.Names[1] == variables.AttributeOutputs):
		return leftAlone("an artifact of another step is referred to as $(steps.<step>.outputs.<artifact>) or " +
			"$(steps.<step>.inputs.<artifact>): its values as JSON, which has no parts here")
	default:
		return leftAlone("another step is referred to as $(steps.<step>.results.<result>) or $(steps.step-<step>.exitCode.path)")
	}
}

// Problems of references that more than one place has.
const (
	stepResultTooEarly = "the result of a step is known only when a later step starts: it can be used in command, args, " +
		"script, env, params and when of steps"
	artifactsPathOnly = "there is only $(artifacts.path), the file of the artifacts of the task, and in a step " +
		"$(step.artifacts.path), that of the artifacts of the step"
)

// stepResultProblem returns what is wrong with using a result of an earlier step, or "".
func (s scope) stepResultProblem(ref variables.StepResultRef, place use) string {
	if problem := s.steps.earlier.unknown("earlier step", ref.Step); problem != "" {
		return problem
	}
	if ref.Artifacts != "" {
		return "" // no task declares artifacts
	}
	i, _ := s.steps.byName().get(ref.Step)
	if s.steps.steps[i].Ref != nil {
		return "" // the StepAction is not known here
	}
	place.ref = strings.Join([]string{variables.RootSteps, ref.Step, variables.AttributeResults, ref.Result}, ".")
	return s.declaredStepResultProblem(s.steps.results(i), ref, place)
}

// declaredStepResultProblem returns what is wrong with using a result of a step that is written out, or "".
func (r *Report) declaredStepResultProblem(results *names[*v1.StepResult], ref variables.StepResultRef, place use) string {
	declared, ok := results.get(ref.Result)
	if !ok {
		return results.unknown("result of step "+shown(ref.Step), ref.Result)
	}
	place.noun, place.name = "result", ref.Result
	place.keyed, place.key, place.whole, place.indexed = ref.Key != "", ref.Key, ref.Whole, ref.Index >= 0
	return r.useProblem(place, declared.ValueType(), declared.Properties)
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

// results are those that a step declares; of two that have the same name, the last.
func (x *stepIndex) results(i int) *names[*v1.StepResult] {
	if x.declared == nil {
		x.declared = make([]*names[*v1.StepResult], len(x.steps))
	}
	if x.declared[i] == nil {
		x.declared[i] = newNames[*v1.StepResult](nil)
		for n := range x.steps[i].Results {
			x.declared[i].add(x.steps[i].Results[n].Name, &x.steps[i].Results[n])
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

// ownStepProblem returns what is wrong with a reference of a step to one of its results.
func (s scope) ownStepProblem(r variables.Reference) problem {
	if r.Names[0] == variables.RootArtifacts {
		if r.ArtifactsPath() != variables.RootStep || s.step == noStep {
			return leftAlone(artifactsPathOnly)
		}
		return problem{}
	}
	if len(r.Names) != 3 || r.Names[0] != variables.AttributeResults || r.Names[2] != attributePath || r.HasIndex() {
		return leftAlone("a step refers to the file of one of its results as $(step.results.<name>.path)")
	}
	if s.step == noStep {
		return leftAlone("only a step has results of a step")
	}
	return refused(s.steps.results(s.step).unknown("result of this step", r.Names[1]))
}

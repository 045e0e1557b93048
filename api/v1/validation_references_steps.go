package v1

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
)

// stepContainerPrefix begins the name of a step's container, which is what $(steps.<container>.exitCode.path) has.
const stepContainerPrefix = "step-"

// stepsProblem says what is wrong with a reference to another step, or returns "".
func (s scope) stepsProblem(r Reference, place use) string {
	if len(r.Names) == 3 && r.Names[1] == "exitCode" && r.Names[2] == attributePath && !r.hasIndex() {
		return s.exitCodeProblem(r.Names[0])
	}
	ref, ok := r.StepResultRef()
	if !ok {
		return "another step is referred to as $(steps.<step>.results.<result>) or $(steps.step-<step>.exitCode.path)"
	}
	if !s.runtime {
		return "the result of a step is known only when a later step starts: it can be used in command, args, script, env, params and when of steps"
	}
	earlier := sets.New[string]()
	for i := range s.steps[:max(s.step, 0)] {
		earlier.Insert(suffix(s.steps[i].Name, i))
	}
	if problem := unknown("earlier step", ref.Step, earlier); problem != "" {
		return problem
	}
	step := s.stepNamed(ref.Step)
	if step.Ref != nil {
		return "" // the StepAction is not known here
	}
	place.ref = strings.Join([]string{RootSteps, ref.Step, attributeResults, ref.Result}, ".")
	return stepResultProblem(step, ref, place)
}

// stepResultProblem says what is wrong with using a result of a step that is written out, or returns "".
func stepResultProblem(step *Step, ref StepResultRef, place use) string {
	names := sets.New[string]()
	for i := range step.Results {
		names.Insert(step.Results[i].Name)
	}
	if problem := unknown("result of step "+ref.Step, ref.Result, names); problem != "" {
		return problem
	}
	declared := step.result(ref.Result)
	place.noun, place.name = "result", ref.Result
	place.keyed, place.key, place.whole, place.indexed = ref.Key != "", ref.Key, ref.Whole, ref.Index >= 0
	place.strict = true
	return useProblem(place, declared.valueType(), declared.Properties)
}

func (s scope) stepNamed(name string) *Step {
	for i := range s.steps {
		if suffix(s.steps[i].Name, i) == name {
			return &s.steps[i]
		}
	}
	return nil
}

func (s *Step) result(name string) *StepResult {
	for i := range s.Results {
		if s.Results[i].Name == name {
			return &s.Results[i]
		}
	}
	return nil
}

// valueType returns the type, inferred where none is declared.
func (r *StepResult) valueType() ValueType {
	if r.Type != "" {
		return r.Type
	}
	return inferType(nil, r.Properties)
}

func (s scope) exitCodeProblem(container string) string {
	containers := sets.New[string]()
	for i := range s.steps {
		containers.Insert(stepContainerPrefix + suffix(s.steps[i].Name, i))
	}
	return unknown("container of a step", container, containers)
}

// ownStepProblem says what is wrong with a reference of a step to a result of its own, or returns "".
func (s scope) ownStepProblem(r Reference) string {
	if len(r.Names) != 3 || r.Names[0] != attributeResults || r.Names[2] != attributePath || r.hasIndex() {
		return "a step refers to the file of a result of its own as $(step.results.<name>.path)"
	}
	if s.step < 0 {
		return "only a step has results of its own"
	}
	names := sets.New[string]()
	for i := range s.steps[s.step].Results {
		names.Insert(s.steps[s.step].Results[i].Name)
	}
	return unknown("result of this step", r.Names[1], names)
}

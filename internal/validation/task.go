package validation

import (
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Task checks the task; see ReportTask.
func Task(t *v1.Task) field.ErrorList {
	return Errors(func(report *Report) { ReportTask(report, t) })
}

// ReportTask checks the task alone, as a user writes it. Each error names the field, its value and what is permitted there.
func ReportTask(r *Report, t *v1.Task) {
	reportTaskSpec(r.ofTemplate(), &t.Spec, field.NewPath("spec"))
}

// TaskSpec checks a task that is to be run. Each error names the field, its value and what is allowed there. Fields that
// the controller does not act on yet are errors, too.
func TaskSpec(s *v1.TaskSpec, path *field.Path) field.ErrorList {
	return Errors(func(r *Report) { reportTaskSpec(r, s, path) })
}

// reportTaskSpec reports what TaskSpec returns, and warnings.
func reportTaskSpec(r *Report, s *v1.TaskSpec, path *field.Path) {
	outer := newScope(r)
	outer.listed = true
	validateTaskSpec(s, path, outer)
}

// validateTaskSpec checks the task in a place from where it sees an outer scope.
func validateTaskSpec(s *v1.TaskSpec, path *field.Path, outer scope) {
	in := taskScope(s, outer)
	r := in.Report
	validateParamSpecs(r, s.Params, path.Child("params"), outer.listed)
	validateTaskResults(r, s, path.Child("results"))
	validateWorkspaceDeclarations(r, s.Workspaces, path.Child("workspaces"))
	validateStepTemplate(r, s.StepTemplate, path.Child("stepTemplate"))
	validateSteps(r, s, path.Child("steps"), in.workspaces)
	validateSidecars(r, s, path.Child("sidecars"), in.workspaces)
	validateMounts(s, path, mountCheck{Report: r, brought: outer.volumes, closed: outer.volumesClosed})
	validateTaskReferences(s, path, in)
}

// suffix is what the name of a step's or sidecar's container ends with: one without a name is called by its number, and
// another must not take that name.
func suffix(name string, index int) string {
	if name != "" {
		return name
	}
	return "unnamed-" + strconv.Itoa(index)
}

func stepNames(steps []v1.Step) *nameSet {
	return setOf(len(steps), func(i int) string { return suffix(steps[i].Name, i) })
}

func sidecarNames(sidecars []v1.Sidecar) *nameSet {
	return setOf(len(sidecars), func(i int) string { return suffix(sidecars[i].Name, i) })
}

func validateTaskResults(r *Report, s *v1.TaskSpec, path *field.Path) {
	// Results of the task see all steps: they are taken when the last one has ended.
	in := scope{Report: r, steps: newStepIndex(s.Steps), step: len(s.Steps), runtime: true}
	in.steps.reach(len(s.Steps))
	unique := newUniqueNames()
	for i := range r.each(len(s.Results)) {
		result, path := &s.Results[i], path.Index(i)
		unique.warn(r, path.Child("name"), result.Name)
		validateResult(r, path, result.Name, result.Type, result.Properties)
		if result.Value != nil {
			r.Add(in.validateResultValue(path.Child("value"), result)...)
		}
	}
}

// validateResult checks what results of tasks and of steps have in common.
func validateResult(r *Report, path *field.Path, name string, t v1.ValueType, properties map[string]v1.PropertySpec) {
	declared := (&v1.TaskResult{Type: t, Properties: properties}).ValueType()
	r.Add(checkName(path.Child("name"), name, resultName, resultNameRule)...)
	r.Add(checkType(path.Child("type"), t)...)
	checkProperties(r, path, declared, properties)
}

// validateResultValue checks that the value of a task's result is a result of one of its steps, of the same type.
func (s scope) validateResultValue(path *field.Path, result *v1.TaskResult) field.ErrorList {
	const rule = "a result takes its value from one step: $(steps.<step>.results.<result>), with [*] behind it for an array or an object"
	ref, ok := variables.SoleIn(*result.Value)
	if !ok {
		return field.ErrorList{field.Invalid(path, shown(firstText(result.Value)), rule)}
	}
	from, ok := ref.StepResultRef()
	if !ok || from.Artifacts != "" {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), rule)}
	}
	place := use{ownElement: true, ownObject: true}
	if p := s.stepsProblem(ref, place); !p.none() {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), p.text)}
	}
	i, _ := s.steps.byName().get(from.Step)
	if s.steps.steps[i].Ref != nil {
		return nil // the StepAction is not known here
	}
	declared, _ := s.steps.results(i).get(from.Result)
	if got, want := stepResultType(from, declared), result.ValueType(); got != want {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), "it is of type "+shown(string(got))+
			", and the result is of type "+shown(string(want)))}
	}
	return nil
}

// stepResultType is the type of what is referred to.
func stepResultType(r variables.StepResultRef, result *v1.StepResult) v1.ValueType {
	if r.Key != "" || r.Index >= 0 {
		return v1.TypeString
	}
	return result.ValueType()
}

// firstText is the first text of the value, for messages.
func firstText(v *v1.Value) string {
	for _, text := range v.Texts() {
		return text
	}
	return ""
}

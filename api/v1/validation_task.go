package v1

import (
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate checks the task; see Report.
func (t *Task) Validate() field.ErrorList { return reported(t.Report) }

// Report checks the task by itself, as a user writes it. Each error names the field, its value and what is allowed there.
func (t *Task) Report(r *Report) { t.Spec.validate(field.NewPath("spec"), newScope(r)) }

// Validate checks a task that is to be run. Each error names the field, its value and what is allowed there. Fields that
// the controller does not act on yet are errors, too.
func (s *TaskSpec) Validate(path *field.Path) field.ErrorList {
	return reported(func(r *Report) {
		s.validate(path, newScope(r))
		s.unsupported(r, path)
	})
}

// validate checks the task in a place from where it sees an outer scope.
func (s *TaskSpec) validate(path *field.Path, outer scope) {
	in := taskScope(s, outer)
	r := in.Report
	validateParamSpecs(r, s.Params, path.Child("params"))
	s.validateResults(r, path.Child("results"))
	validateWorkspaceDeclarations(r, s.Workspaces, path.Child("workspaces"))
	s.StepTemplate.validate(r, path.Child("stepTemplate"))
	s.validateSteps(r, path.Child("steps"), in.workspaces)
	s.validateSidecars(r, path.Child("sidecars"), in.workspaces)
	s.validateMounts(path, mountCheck{Report: r, brought: outer.volumes, closed: outer.volumesClosed})
	s.validateReferences(path, in)
}

// suffix is what the name of a step's or sidecar's container ends with: one without a name is called by its number, and
// another must not take that name.
func suffix(name string, index int) string {
	if name != "" {
		return name
	}
	return "unnamed-" + strconv.Itoa(index)
}

func stepNames(steps []Step) *nameSet {
	return setOf(len(steps), func(i int) string { return suffix(steps[i].Name, i) })
}

func sidecarNames(sidecars []Sidecar) *nameSet {
	return setOf(len(sidecars), func(i int) string { return suffix(sidecars[i].Name, i) })
}

func (s *TaskSpec) validateResults(r *Report, path *field.Path) {
	// Results of the task see all steps: they are taken when the last one has ended.
	in := scope{Report: r, steps: newStepIndex(s.Steps), step: len(s.Steps), runtime: true}
	in.steps.reach(len(s.Steps))
	unique := newUniqueNames()
	for i := range r.each(len(s.Results)) {
		result, path := &s.Results[i], path.Index(i)
		r.Add(unique.add(path.Child("name"), result.Name)...)
		validateResult(r, path, result.Name, result.Type, result.Properties)
		if result.Value != nil {
			r.Add(in.validateResultValue(path.Child("value"), result)...)
		}
	}
}

// validateResult checks what results of tasks and of steps have in common.
func validateResult(r *Report, path *field.Path, name string, t ValueType, properties map[string]PropertySpec) {
	declared := t
	if declared == "" {
		declared = inferType(nil, properties)
	}
	r.Add(checkName(path.Child("name"), name, resultName, resultNameRule)...)
	r.Add(checkType(path.Child("type"), t)...)
	checkProperties(r, path, declared, properties)
}

// validateResultValue checks that the value of a task's result is a result of one of its steps, of the same type.
func (s scope) validateResultValue(path *field.Path, result *TaskResult) field.ErrorList {
	const rule = "a result takes its value from one step: $(steps.<step>.results.<result>), with [*] behind it for an array or an object"
	ref, ok := soleReference(*result.Value)
	if !ok {
		return field.ErrorList{field.Invalid(path, shown(result.Value.first()), rule)}
	}
	from, ok := ref.StepResultRef()
	if !ok {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), rule)}
	}
	place := use{ownElement: true, ownObject: true}
	if problem := s.stepsProblem(ref, place); problem != "" {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), problem)}
	}
	i, _ := s.steps.byName().get(from.Step)
	if s.steps.steps[i].Ref != nil {
		return nil // the StepAction is not known here
	}
	declared, _ := s.steps.results(i).get(from.Result)
	if got, want := from.typeIn(declared), result.valueType(); got != want {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), "it is of type "+shown(string(got))+", and the result is of type "+shown(string(want)))}
	}
	return nil
}

// typeIn is the type of what is referred to.
func (r StepResultRef) typeIn(result *StepResult) ValueType {
	if r.Key != "" || r.Index >= 0 {
		return TypeString
	}
	return result.valueType()
}

// soleReference returns the well-formed reference that a string value is nothing but.
func soleReference(v Value) (Reference, bool) {
	if v.Type != TypeString {
		return Reference{}, false
	}
	for r := range References(v.String) {
		return r, r.IsAll(v.String)
	}
	return Reference{}, false
}

// first is the first text of the value, for messages.
func (v *Value) first() string {
	for _, text := range v.Texts() {
		return text
	}
	return ""
}

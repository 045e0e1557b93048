package v1

import (
	"strconv"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate checks the task by itself, as a user writes it. Each error names the field, its value and what is allowed
// there.
func (t *Task) Validate() field.ErrorList {
	return t.Spec.validate(field.NewPath("spec"), newScope())
}

// Validate checks a task that is to be run. Each error names the field, its value and what is allowed there. Fields that
// the controller does not act on yet are errors, too.
func (s *TaskSpec) Validate(path *field.Path) field.ErrorList {
	return append(s.validate(path, newScope()), s.Unsupported(path)...)
}

// validate checks the task in a place from where it sees an outer scope.
func (s *TaskSpec) validate(path *field.Path, outer scope) field.ErrorList {
	errs := validateParamSpecs(s.Params, path.Child("params"))
	errs = append(errs, s.validateResults(path.Child("results"))...)
	errs = append(errs, validateWorkspaceDeclarations(s.Workspaces, path.Child("workspaces"))...)
	in := taskScope(s, outer)
	errs = append(errs, s.StepTemplate.validate(path.Child("stepTemplate"))...)
	errs = append(errs, s.validateSteps(path.Child("steps"), in.workspaces)...)
	errs = append(errs, s.validateSidecars(path.Child("sidecars"), in.workspaces)...)
	errs = append(errs, s.validateMounts(path, mountCheck{brought: outer.volumes, closed: outer.volumesClosed})...)
	return append(errs, s.validateReferences(path, in)...)
}

// suffix is what the name of a step's or sidecar's container ends with: one without a name is called by its number, and
// another must not take that name.
func suffix(name string, index int) string {
	if name != "" {
		return name
	}
	return "unnamed-" + strconv.Itoa(index)
}

func stepNames(steps []Step) sets.Set[string] {
	names := sets.New[string]()
	for i := range steps {
		names.Insert(suffix(steps[i].Name, i))
	}
	return names
}

func sidecarNames(sidecars []Sidecar) sets.Set[string] {
	names := sets.New[string]()
	for i := range sidecars {
		names.Insert(suffix(sidecars[i].Name, i))
	}
	return names
}

func (s *TaskSpec) validateResults(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.Results {
		result, path := &s.Results[i], path.Index(i)
		errs = append(errs, unique.add(path.Child("name"), result.Name)...)
		errs = append(errs, validateResult(path, result.Name, result.Type, result.Properties)...)
		if result.Value != nil {
			errs = append(errs, s.validateResultValue(path.Child("value"), result)...)
		}
	}
	return errs
}

// validateResult checks what results of tasks and of steps have in common.
func validateResult(path *field.Path, name string, t ValueType, properties map[string]PropertySpec) field.ErrorList {
	declared := t
	if declared == "" {
		declared = inferType(nil, properties)
	}
	errs := checkName(path.Child("name"), name, resultName, resultNameRule)
	errs = append(errs, checkType(path.Child("type"), t)...)
	return append(errs, checkProperties(path, declared, properties)...)
}

// validateResultValue checks that the value of a task's result is a result of one of its steps, of the same type.
func (s *TaskSpec) validateResultValue(path *field.Path, result *TaskResult) field.ErrorList {
	const rule = "a result takes its value from one step: $(steps.<step>.results.<result>), with [*] behind it for an array or an object"
	ref, ok := soleReference(*result.Value)
	if !ok {
		return field.ErrorList{field.Invalid(path, shown(result.Value.first()), rule)}
	}
	from, ok := ref.StepResultRef()
	if !ok {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), rule)}
	}
	in := scope{steps: s.Steps, step: len(s.Steps), runtime: true}
	place := use{ownElement: true, ownObject: true}
	if problem := in.stepsProblem(ref, place); problem != "" {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), problem)}
	}
	step := in.stepNamed(from.Step)
	if step.Ref != nil {
		return nil // the StepAction is not known here
	}
	if got, want := from.typeIn(step.result(from.Result)), result.valueType(); got != want {
		return field.ErrorList{field.Invalid(path, shown(ref.Text), "it is of type "+string(got)+", and the result is of type "+string(want))}
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
		return r, !r.Malformed && r.Start == 0 && r.End == len(v.String)
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

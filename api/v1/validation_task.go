package v1

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of names: a container's name has at most 63 characters, of which "step-" and "sidecar-" take some.
const (
	maxStepName    = 58
	maxSidecarName = 55
)

// Validate checks a task that is to be run. Each error names the field, its value and what is allowed there. Fields that
// the controller does not act on yet are errors, too.
func (s *TaskSpec) Validate(path *field.Path) field.ErrorList {
	return append(s.validate(path, newScope()), s.Unsupported(path)...)
}

// validate checks the task in a place from where it sees an outer scope.
func (s *TaskSpec) validate(path *field.Path, outer scope) field.ErrorList {
	const final = false
	errs := validateParamSpecs(s.Params, path.Child("params"))
	errs = append(errs, validateResults(s.Results, path.Child("results"))...)
	errs = append(errs, validateWorkspaceDeclarations(s.Workspaces, path.Child("workspaces"))...)
	errs = append(errs, s.validateSteps(path.Child("steps"))...)
	errs = append(errs, s.validateSidecars(path.Child("sidecars"))...)
	errs = append(errs, s.validateMounts(path, final)...)
	references := &taskReferences{scope: taskScope(s, outer)}
	s.VisitTexts(path, references)
	return append(errs, references.errs...)
}

func (s *TaskSpec) validateSteps(path *field.Path) field.ErrorList {
	if len(s.Steps) == 0 {
		return field.ErrorList{field.Required(path, "a task needs at least one step")}
	}
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.Steps {
		step, path := &s.Steps[i], path.Index(i)
		if step.Name != "" {
			errs = append(errs, checkLabel(path.Child("name"), step.Name, maxStepName)...)
		}
		errs = append(errs, unique.add(path.Child("name"), suffix(step.Name, i))...)
		if step.Ref == nil && (s.StepTemplate == nil || s.StepTemplate.Image == "") {
			errs = append(errs, requireImage(path, step.Image)...)
		}
		if step.Script != "" && len(step.Command) > 0 {
			errs = append(errs, field.Forbidden(path.Child("script"), "give either command or script, not both"))
		}
	}
	return errs
}

// suffix is what the name of a step's or sidecar's container ends with: one without a name is called by its number, and
// another must not take that name.
func suffix(name string, index int) string {
	if name != "" {
		return name
	}
	return "unnamed-" + strconv.Itoa(index)
}

func (s *TaskSpec) validateSidecars(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range s.Sidecars {
		sidecar, path := &s.Sidecars[i], path.Index(i)
		switch sidecar.Name {
		case "":
		case ReservedSidecarName:
			errs = append(errs, field.Invalid(path.Child("name"), sidecar.Name, "reserved for the results sidecar; choose another name"))
		default:
			errs = append(errs, checkLabel(path.Child("name"), sidecar.Name, maxSidecarName)...)
		}
		errs = append(errs, unique.add(path.Child("name"), suffix(sidecar.Name, i))...)
		errs = append(errs, requireImage(path, sidecar.Image)...)
		if sidecar.Script != "" && len(sidecar.Command) > 0 {
			errs = append(errs, field.Forbidden(path.Child("script"), "give either command or script, not both"))
		}
	}
	return errs
}

func validateResults(results []TaskResult, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range results {
		result, path := &results[i], path.Index(i)
		declared := result.Type
		if declared == "" {
			declared = inferType(nil, result.Properties)
		}
		errs = append(errs, checkName(path.Child("name"), result.Name, resultName, resultNameRule)...)
		errs = append(errs, unique.add(path.Child("name"), result.Name)...)
		errs = append(errs, checkType(path.Child("type"), result.Type)...)
		errs = append(errs, checkProperties(path, declared, result.Properties)...)
	}
	return errs
}

func validateWorkspaceDeclarations(workspaces []WorkspaceDeclaration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range workspaces {
		name := path.Index(i).Child("name")
		errs = append(errs, checkName(name, workspaces[i].Name, workspaceName, workspaceNameRule)...)
		errs = append(errs, unique.add(name, workspaces[i].Name)...)
	}
	return errs
}

// ValidateWorkspaces checks the volumes that a run binds against what its task declares. A binding that nothing declares
// is refused: whoever gave it expects it to be mounted.
func ValidateWorkspaces(declared []WorkspaceDeclaration, bound []WorkspaceBinding, path *field.Path) field.ErrorList {
	known, given := sets.New[string](), sets.New[string]()
	for i := range bound {
		given.Insert(bound[i].Name)
	}
	var errs field.ErrorList
	for i := range declared {
		known.Insert(declared[i].Name)
		if !declared[i].Optional && !given.Has(declared[i].Name) {
			errs = append(errs, field.Required(path, fmt.Sprintf("missing workspace %q: declared and not optional", declared[i].Name)))
		}
	}
	for i := range bound {
		if problem := unknown("workspace", bound[i].Name, known); problem != "" {
			errs = append(errs, field.Invalid(path.Index(i).Child("name"), shown(bound[i].Name), problem))
		}
	}
	return errs
}

// workspaceSources is what messages list.
const workspaceSources = "emptyDir, persistentVolumeClaim, volumeClaimTemplate, configMap, secret, projected and csi"

// validateBindings checks bindings by themselves.
func validateBindings(bound []WorkspaceBinding, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range bound {
		binding, path := &bound[i], path.Index(i)
		errs = append(errs, checkName(path.Child("name"), binding.Name, workspaceName, workspaceNameRule)...)
		errs = append(errs, unique.add(path.Child("name"), binding.Name)...)
		switch sources := binding.sources(); {
		case len(sources) == 0:
			errs = append(errs, field.Required(path, "give one of "+workspaceSources))
		case len(sources) > 1:
			errs = append(errs, field.Forbidden(path, "give exactly one source, not "+strings.Join(sources, " and ")))
		}
		if binding.ConfigMap != nil && binding.ConfigMap.Name == "" {
			errs = append(errs, field.Required(path.Child("configMap", "name"), "name the ConfigMap"))
		}
	}
	return errs
}

// sources lists the sources that are set, by the names of their fields.
func (w *WorkspaceBinding) sources() []string {
	var sources []string
	for _, source := range []struct {
		name string
		set  bool
	}{
		{"emptyDir", w.EmptyDir != nil},
		{"persistentVolumeClaim", w.PersistentVolumeClaim != nil},
		{"volumeClaimTemplate", w.VolumeClaimTemplate != nil},
		{"configMap", w.ConfigMap != nil},
		{"secret", w.Secret != nil},
		{"projected", w.Projected != nil},
		{"csi", w.CSI != nil},
	} {
		if source.set {
			sources = append(sources, source.name)
		}
	}
	return sources
}

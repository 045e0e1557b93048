package v1

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateWorkspaceDeclarations(r *Report, workspaces []WorkspaceDeclaration, path *field.Path) {
	unique := newUniqueNames()
	for i := range r.each(len(workspaces)) {
		name := path.Index(i).Child("name")
		r.Add(checkName(name, workspaces[i].Name, workspaceName, workspaceNameRule)...)
		r.Add(unique.add(name, workspaces[i].Name)...)
	}
}

// validateUsages checks the workspaces that a step or sidecar wants for itself.
func validateUsages(r *Report, path *field.Path, used []WorkspaceUsage, known *nameSet) {
	unique := newUniqueNames()
	for i := range r.each(len(used)) {
		name := path.Index(i).Child("name")
		r.Add(unique.add(name, used[i].Name)...)
		if problem := known.unknown("workspace of the task", used[i].Name); problem != "" {
			r.Add(field.Invalid(name, shown(used[i].Name), problem))
		}
	}
}

// ValidateWorkspaces checks the volumes that a run binds against what its task declares. A binding that nothing declares
// is refused: whoever gave it expects it to be mounted.
func ValidateWorkspaces(declared []WorkspaceDeclaration, bound []WorkspaceBinding, path *field.Path) field.ErrorList {
	known := setOf(len(declared), func(i int) string { return declared[i].Name })
	given := sets.New[string]()
	for i := range bound {
		given.Insert(bound[i].Name)
	}
	return reported(func(r *Report) {
		for i := range r.each(len(declared)) {
			if !declared[i].Optional && !given.Has(declared[i].Name) {
				r.Add(field.Required(path, fmt.Sprintf("missing workspace %q: declared and not optional", shown(declared[i].Name))))
			}
		}
		for i := range r.each(len(bound)) {
			if problem := known.unknown("workspace", bound[i].Name); problem != "" {
				r.Add(field.Invalid(path.Index(i).Child("name"), shown(bound[i].Name), problem))
			}
		}
	})
}

// UndeclaredWorkspaces returns the names, sorted, of the workspaces that the task refers to and does not declare. A task
// that is written out in a run sees the workspaces of the run under their names (propagated workspaces): those of them that
// are bound are to be mounted as if they had been declared.
func (s *TaskSpec) UndeclaredWorkspaces() []string {
	used := usedWorkspaces{}
	s.VisitTexts(nil, usedInTexts(used))
	s.VisitValues(nil, used)
	for i := range s.Steps {
		used.addUsages(s.Steps[i].Workspaces)
	}
	for i := range s.Sidecars {
		used.addUsages(s.Sidecars[i].Workspaces)
	}
	for i := range s.Workspaces {
		delete(used, s.Workspaces[i].Name)
	}
	return sortedKeys(used)
}

// usedWorkspaces is a ValueVisitor that notes the names of workspaces, and usedInTexts the same as a TextVisitor.
type (
	usedWorkspaces map[string]struct{}
	usedInTexts    usedWorkspaces
)

func (u usedWorkspaces) add(text string) {
	for r := range References(text) {
		if r.Root == RootWorkspaces && !r.Malformed {
			u[r.Names[0]] = struct{}{}
		}
	}
}

func (u usedWorkspaces) addUsages(used []WorkspaceUsage) {
	for i := range used {
		u[used[i].Name] = struct{}{}
	}
}

func (u usedWorkspaces) VisitText(_ *field.Path, text *string) { u.add(*text) }

func (u usedWorkspaces) VisitElements(_ *field.Path, list *[]string) {
	for _, text := range *list {
		u.add(text)
	}
}

func (u usedWorkspaces) VisitValue(_ *field.Path, value *Value) {
	for _, text := range value.Texts() {
		u.add(text)
	}
}

func (u usedInTexts) VisitText(_ *field.Path, _ TextKind, text *string) { usedWorkspaces(u).add(*text) }

func (u usedInTexts) VisitList(path *field.Path, list *[]string) {
	usedWorkspaces(u).VisitElements(path, list)
}

// workspaceSources is what messages list.
const workspaceSources = "emptyDir, persistentVolumeClaim, volumeClaimTemplate, configMap, secret, projected and csi"

// validateBindings checks bindings by themselves.
func validateBindings(r *Report, bound []WorkspaceBinding, path *field.Path) {
	unique := newUniqueNames()
	for i := range r.each(len(bound)) {
		binding, path := &bound[i], path.Index(i)
		r.Add(checkName(path.Child("name"), binding.Name, workspaceName, workspaceNameRule)...)
		r.Add(unique.add(path.Child("name"), binding.Name)...)
		switch sources := binding.sources(); {
		case len(sources) == 0:
			r.Add(field.Required(path, "give one of "+workspaceSources))
		case len(sources) > 1:
			r.Add(field.Forbidden(path, "give exactly one source, not "+strings.Join(sources, " and ")))
		}
		r.Add(checkSubPath(path.Child("subPath"), binding.SubPath)...)
		r.Add(binding.validateSource(path)...)
	}
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

// validateSource checks that the source says which object it means.
func (w *WorkspaceBinding) validateSource(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range []struct {
		fields  []string
		missing bool
		what    string
	}{
		{[]string{"configMap", "name"}, w.ConfigMap != nil && w.ConfigMap.Name == "", "name the ConfigMap"},
		{[]string{"secret", "secretName"}, w.Secret != nil && w.Secret.SecretName == "", "name the Secret"},
		{[]string{"persistentVolumeClaim", "claimName"}, w.PersistentVolumeClaim != nil && w.PersistentVolumeClaim.ClaimName == "", "name the PersistentVolumeClaim"},
		{[]string{"csi", "driver"}, w.CSI != nil && w.CSI.Driver == "", "name the driver"},
		{[]string{"projected", "sources"}, w.Projected != nil && len(w.Projected.Sources) == 0, "list what to put into the folder"},
	} {
		if name.missing {
			errs = append(errs, field.Required(path.Child(name.fields[0], name.fields[1:]...), name.what))
		}
	}
	if w.VolumeClaimTemplate != nil {
		errs = append(errs, validateClaimTemplate(path.Child("volumeClaimTemplate", "spec"), &w.VolumeClaimTemplate.Spec)...)
	}
	return errs
}

// validateClaimTemplate checks what every claim needs, so that it is not the claim that the API server refuses later.
func validateClaimTemplate(path *field.Path, spec *corev1.PersistentVolumeClaimSpec) field.ErrorList {
	var errs field.ErrorList
	if len(spec.AccessModes) == 0 {
		errs = append(errs, field.Required(path.Child("accessModes"), "give at least one, such as ReadWriteOnce"))
	}
	if _, ok := spec.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(path.Child("resources", "requests").Key(string(corev1.ResourceStorage)), "say how much, such as 1Gi"))
	}
	return errs
}

// checkSubPath refuses a path that leads out of the volume. Before substitution a variable in it says nothing yet.
func checkSubPath(at *field.Path, subPath string) field.ErrorList {
	switch {
	case subPath == "" || HasReference(subPath):
		return nil
	case path.IsAbs(subPath):
		return field.ErrorList{field.Invalid(at, shown(subPath), "must be relative to the volume")}
	case strings.HasPrefix(path.Clean(subPath)+"/", "../") || strings.Contains("/"+subPath+"/", "/../"):
		return field.ErrorList{field.Invalid(at, shown(subPath), "must not lead out of the volume by '..'")}
	}
	return nil
}

package validation

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

func validateWorkspaceDeclarations(r *Report, workspaces []v1.WorkspaceDeclaration, path *field.Path) {
	unique := newUniqueNames()
	for i := range r.each(len(workspaces)) {
		name := path.Index(i).Child("name")
		r.Add(checkName(name, workspaces[i].Name, workspaceName, workspaceNameRule)...)
		r.Add(unique.add(name, workspaces[i].Name)...)
	}
}

// validateUsages checks the workspaces that a step or sidecar wants for itself.
func validateUsages(r *Report, path *field.Path, used []v1.WorkspaceUsage, known *nameSet) {
	unique := newUniqueNames()
	for i := range r.each(len(used)) {
		name := path.Index(i).Child("name")
		r.Add(unique.add(name, used[i].Name)...)
		if problem := known.unknown("workspace of the task", used[i].Name); problem != "" {
			r.Add(field.Invalid(name, shown(used[i].Name), problem))
		}
	}
}

// Workspaces checks the volumes that a run binds against the declarations of its task. A binding without a declaration is
// refused, because its user expects it to be mounted.
func Workspaces(declared []v1.WorkspaceDeclaration, bound []v1.WorkspaceBinding, path *field.Path) field.ErrorList {
	known := setOf(len(declared), func(i int) string { return declared[i].Name })
	given := sets.New[string]()
	for i := range bound {
		given.Insert(bound[i].Name)
	}
	return Errors(func(r *Report) {
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

// workspaceSources is what messages list.
const workspaceSources = "emptyDir, persistentVolumeClaim, volumeClaimTemplate, configMap, secret, projected and csi"

// validateBindings checks bindings alone.
func validateBindings(r *Report, bound []v1.WorkspaceBinding, path *field.Path) {
	unique := newUniqueNames()
	for i := range r.each(len(bound)) {
		binding, path := &bound[i], path.Index(i)
		r.Add(checkName(path.Child("name"), binding.Name, workspaceName, workspaceNameRule)...)
		r.Add(unique.add(path.Child("name"), binding.Name)...)
		switch sources := bindingSources(binding); {
		case len(sources) == 0:
			r.Add(field.Required(path, "give one of "+workspaceSources))
		case len(sources) > 1:
			r.Add(field.Forbidden(path, "give exactly one source, not "+strings.Join(sources, " and ")))
		}
		r.Add(checkSubPath(path.Child("subPath"), binding.SubPath)...)
		r.Add(validateBindingSource(binding, path)...)
	}
}

// bindingSources lists the sources that are set, by the names of their fields.
func bindingSources(w *v1.WorkspaceBinding) []string {
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

// validateBindingSource checks that the source says which object it means.
func validateBindingSource(w *v1.WorkspaceBinding, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range []struct {
		fields  []string
		missing bool
		what    string
	}{
		{[]string{"configMap", "name"}, w.ConfigMap != nil && w.ConfigMap.Name == "", "name the ConfigMap"},
		{[]string{"secret", "secretName"}, w.Secret != nil && w.Secret.SecretName == "", "name the Secret"},
		{
			[]string{"persistentVolumeClaim", "claimName"},
			w.PersistentVolumeClaim != nil && w.PersistentVolumeClaim.ClaimName == "",
			"name the PersistentVolumeClaim",
		},
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
	case subPath == "" || variables.HasReference(subPath):
		return nil
	case path.IsAbs(subPath):
		return field.ErrorList{field.Invalid(at, shown(subPath), "must be relative to the volume")}
	case strings.HasPrefix(path.Clean(subPath)+"/", "../") || strings.Contains("/"+subPath+"/", "/../"):
		return field.ErrorList{field.Invalid(at, shown(subPath), "must not lead out of the volume by '..'")}
	}
	return nil
}

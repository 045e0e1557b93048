package v1

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Where the system keeps its own files in a pod. Nobody else's volume may be mounted there, and nobody may mount the
// volumes behind it: a step that could write there could forge the results of another.
const (
	// ReservedVolumePrefix begins the names of the volumes that belong to the system.
	ReservedVolumePrefix = "tekton-internal-"
	reservedDir          = "/tekton"
	// homeDir is the exception below reservedDir: tasks have always been allowed to bring their own.
	homeDir = "/tekton/home"
)

// mountCheck checks volumes and mounts of a task. Before substitution, a text that holds a variable says nothing yet;
// afterwards every text is taken as it stands, even one that looks like a variable.
type mountCheck struct {
	final      bool
	volumes    sets.Set[string]
	workspaces map[string]WorkspaceDeclaration // by the cleaned path
}

// ValidateSubstituted checks what could not be checked while the task's texts still held variables: what is mounted, and
// where. It is to be called on the spec that the pod is built from.
func (s *TaskSpec) ValidateSubstituted(path *field.Path) field.ErrorList {
	const final = true
	errs := s.validateMounts(path, final)
	for i := range s.Steps {
		errs = append(errs, requireImage(path.Child("steps").Index(i), s.Steps[i].Image)...)
	}
	for i := range s.Sidecars {
		errs = append(errs, requireImage(path.Child("sidecars").Index(i), s.Sidecars[i].Image)...)
	}
	return errs
}

func requireImage(path *field.Path, image string) field.ErrorList {
	if image != "" {
		return nil
	}
	return field.ErrorList{field.Required(path.Child("image"), "give the image of the container")}
}

func (s *TaskSpec) validateMounts(path *field.Path, final bool) field.ErrorList {
	c := mountCheck{final: final, volumes: sets.New[string](), workspaces: map[string]WorkspaceDeclaration{}}
	errs := c.checkVolumes(path.Child("volumes"), s.Volumes)
	errs = append(errs, c.checkWorkspaces(path.Child("workspaces"), s.Workspaces)...)
	for i := range s.Steps {
		errs = append(errs, c.checkMounts(path.Child("steps").Index(i).Child("volumeMounts"), s.Steps[i].VolumeMounts)...)
	}
	for i := range s.Sidecars {
		errs = append(errs, c.checkMounts(path.Child("sidecars").Index(i).Child("volumeMounts"), s.Sidecars[i].VolumeMounts)...)
	}
	return errs
}

// open reports whether a text will only be known after substitution.
func (c mountCheck) open(text string) bool { return !c.final && HasReference(text) }

func (c mountCheck) checkVolumes(path *field.Path, volumes []corev1.Volume) field.ErrorList {
	var errs field.ErrorList
	unique := newUniqueNames()
	for i := range volumes {
		name, path := volumes[i].Name, path.Index(i).Child("name")
		errs = append(errs, unique.add(path, name)...)
		c.volumes.Insert(name)
		switch {
		case strings.HasPrefix(name, ReservedVolumePrefix):
			errs = append(errs, field.Invalid(path, shown(name), "names that begin with "+ReservedVolumePrefix+" are reserved; choose another name"))
		case !c.open(name):
			errs = append(errs, checkLabel(path, name, validation.DNS1123LabelMaxLength)...)
		}
	}
	return errs
}

func (c mountCheck) checkWorkspaces(path *field.Path, workspaces []WorkspaceDeclaration) field.ErrorList {
	var errs field.ErrorList
	for i := range workspaces {
		// Tasks may mount a workspace's volume themselves, by $(workspaces.<name>.volume).
		c.volumes.Insert(workspaces[i].VolumeName())
		path, mountPath := path.Index(i).Child("mountPath"), workspaces[i].Path()
		if c.open(mountPath) {
			continue
		}
		cleaned, problem := cleanMountPath(mountPath)
		if other, taken := c.workspaces[cleaned]; taken && problem == "" {
			problem = fmt.Sprintf("workspace %q is mounted there, too", other.Name)
		}
		if problem != "" {
			errs = append(errs, field.Invalid(path, shown(mountPath), problem))
			continue
		}
		c.workspaces[cleaned] = workspaces[i]
	}
	return errs
}

func (c mountCheck) checkMounts(path *field.Path, mounts []corev1.VolumeMount) field.ErrorList {
	var errs field.ErrorList
	taken := map[string]string{}
	for i := range mounts {
		if problem := c.volumeProblem(mounts[i].Name); problem != "" {
			errs = append(errs, field.Invalid(path.Index(i).Child("name"), shown(mounts[i].Name), problem))
		}
		if c.open(mounts[i].MountPath) {
			continue
		}
		cleaned, problem := cleanMountPath(mounts[i].MountPath)
		if problem == "" {
			problem = c.takenProblem(mounts[i].Name, cleaned, taken)
		}
		if problem != "" {
			errs = append(errs, field.Invalid(path.Index(i).Child("mountPath"), shown(mounts[i].MountPath), problem))
			continue
		}
		taken[cleaned] = mounts[i].Name
	}
	return errs
}

func (c mountCheck) takenProblem(volume, cleaned string, taken map[string]string) string {
	if other, ok := taken[cleaned]; ok {
		return fmt.Sprintf("volume %q is mounted there, too", other)
	}
	if other, ok := c.workspaces[cleaned]; ok && !c.open(volume) && volume != other.VolumeName() {
		return fmt.Sprintf("workspace %q is mounted there, too", other.Name)
	}
	return ""
}

func (c mountCheck) volumeProblem(name string) string {
	switch {
	case strings.HasPrefix(name, ReservedVolumePrefix):
		return "volumes whose names begin with " + ReservedVolumePrefix + " belong to the system and cannot be mounted"
	case c.open(name) || c.volumes.Has(name):
		return ""
	}
	for volume := range c.volumes {
		if c.open(volume) {
			return "" // it may become this name
		}
	}
	return unknown("volume", name, c.volumes)
}

// cleanMountPath returns the path as the kernel will take it, and what is wrong with it. Only the cleaned path can be
// compared: /tekton/../tekton/run, //tekton/run and /workspace/../tekton are all ways to write a reserved one, and a
// relative path begins at the root, too.
func cleanMountPath(mountPath string) (cleaned, problem string) {
	if !path.IsAbs(mountPath) {
		return "", "must be an absolute path"
	}
	if strings.ContainsRune(mountPath, ':') {
		return "", "must not contain ':'"
	}
	cleaned = path.Clean(mountPath)
	switch {
	case cleaned == "/":
		return cleaned, "cannot be the root of the file system"
	case within(cleaned, reservedDir) && !within(cleaned, homeDir):
		return cleaned, fmt.Sprintf("%s and what is below it is reserved, except %s; choose another path", reservedDir, homeDir)
	}
	return cleaned, ""
}

// within reports whether a cleaned path is a directory or below it.
func within(cleaned, dir string) bool {
	return cleaned == dir || strings.HasPrefix(cleaned, dir+"/")
}

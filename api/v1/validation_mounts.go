package v1

import (
	"fmt"
	"path"
	"slices"
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
	final bool
	// brought are the volumes of the run's pod template; closed says that no others can be there.
	brought    []corev1.Volume
	closed     bool
	volumes    sets.Set[string]
	workspaces map[string]WorkspaceDeclaration // by the cleaned path
}

// ValidateSubstituted checks what could not be checked while the task's texts still held variables: what is mounted, and
// where, and the values of fields that have few. It is to be called on the spec that the pod is built from; brought are
// the volumes that the run's pod template adds.
func (s *TaskSpec) ValidateSubstituted(path *field.Path, brought ...corev1.Volume) field.ErrorList {
	errs := s.validateMounts(path, mountCheck{final: true, closed: true, brought: brought})
	for i := range s.Steps {
		step, path := &s.Steps[i], path.Child("steps").Index(i)
		if step.Ref == nil && (s.StepTemplate == nil || s.StepTemplate.Image == "") {
			errs = append(errs, requireImage(path, step.Image)...)
		}
		errs = append(errs, checkFinal(path.Child("imagePullPolicy"), string(step.ImagePullPolicy), pullPolicies())...)
		errs = append(errs, checkFinal(path.Child("onError"), string(step.OnError), OnErrors())...)
	}
	for i := range s.Sidecars {
		sidecar, path := &s.Sidecars[i], path.Child("sidecars").Index(i)
		errs = append(errs, requireImage(path, sidecar.Image)...)
		errs = append(errs, checkFinal(path.Child("imagePullPolicy"), string(sidecar.ImagePullPolicy), pullPolicies())...)
	}
	return errs
}

// checkFinal refuses a value that is none of the few that a field can have; empty is always one.
func checkFinal[T ~string](path *field.Path, value string, valid []T) field.ErrorList {
	if value == "" || slices.Contains(valid, T(value)) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, T(shown(value)), valid)}
}

func requireImage(path *field.Path, image string) field.ErrorList {
	if image != "" {
		return nil
	}
	return field.ErrorList{field.Required(path.Child("image"), "give the image of the container")}
}

func (s *TaskSpec) validateMounts(path *field.Path, c mountCheck) field.ErrorList {
	c.volumes, c.workspaces = sets.New[string](), map[string]WorkspaceDeclaration{}
	for i := range c.brought {
		c.volumes.Insert(c.brought[i].Name)
	}
	errs := c.checkVolumes(path.Child("volumes"), s.Volumes)
	errs = append(errs, c.checkWorkspaces(path.Child("workspaces"), s.Workspaces)...)
	if t := s.StepTemplate; t != nil {
		errs = append(errs, c.checkContainer(path.Child("stepTemplate"), t.VolumeMounts, t.VolumeDevices, nil)...)
	}
	for i := range s.Steps {
		step := &s.Steps[i]
		errs = append(errs, c.checkContainer(path.Child("steps").Index(i), step.VolumeMounts, step.VolumeDevices, step.Workspaces)...)
	}
	for i := range s.Sidecars {
		sidecar := &s.Sidecars[i]
		errs = append(errs, c.checkContainer(path.Child("sidecars").Index(i), sidecar.VolumeMounts, sidecar.VolumeDevices, sidecar.Workspaces)...)
	}
	return errs
}

func (c mountCheck) checkContainer(path *field.Path, mounts []corev1.VolumeMount, devices []corev1.VolumeDevice, used []WorkspaceUsage) field.ErrorList {
	errs := c.checkMounts(path.Child("volumeMounts"), mounts)
	for i := range devices {
		if problem := c.volumeProblem(devices[i].Name); problem != "" {
			errs = append(errs, field.Invalid(path.Child("volumeDevices").Index(i).Child("name"), shown(devices[i].Name), problem))
		}
		errs = append(errs, c.checkPath(path.Child("volumeDevices").Index(i).Child("devicePath"), devices[i].DevicePath)...)
	}
	for i := range used {
		if used[i].MountPath != "" {
			errs = append(errs, c.checkPath(path.Child("workspaces").Index(i).Child("mountPath"), used[i].MountPath)...)
		}
	}
	return errs
}

// checkPath refuses a path that nothing of the user's may be at.
func (c mountCheck) checkPath(path *field.Path, at string) field.ErrorList {
	if c.open(at) {
		return nil
	}
	if _, problem := cleanMountPath(at); problem != "" {
		return field.ErrorList{field.Invalid(path, shown(at), problem)}
	}
	return nil
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
	case !c.closed || c.open(name) || c.volumes.Has(name):
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

package validation

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables"
)

// Where the system keeps its own files in a pod. No other volume may be mounted there.
const (
	reservedDir = "/tekton"
	// homeDir is the exception below reservedDir: tasks have always been allowed to bring their own.
	homeDir = "/tekton/home"
)

// mountCheck checks the volumes and mounts of a task. Before substitution, it skips a text with a variable. Afterwards it
// takes every text literally, even one that looks like a variable.
type mountCheck struct {
	*Report

	final bool
	// brought are the volumes of the run's pod template; closed says that no others can be there.
	brought    []corev1.Volume
	closed     bool
	volumes    *volumeNames
	workspaces map[string]v1.WorkspaceDeclaration // by the cleaned path
}

// volumeNames are the names of the volumes that there are.
type volumeNames struct {
	nameSet

	// variable says that the name of one of them is known after substitution only: it may become any name.
	variable bool
}

func (c mountCheck) addVolume(name string) {
	c.volumes.add(name, struct{}{})
	c.volumes.variable = c.volumes.variable || c.open(name)
}

// SubstitutedTaskSpec checks what could not be checked while the task's texts still held variables: what is mounted, and
// where, and the values of fields that have few. It is to be called on the spec that the pod is built from; brought are
// the volumes that the run's pod template adds.
func SubstitutedTaskSpec(s *v1.TaskSpec, path *field.Path, brought ...corev1.Volume) field.ErrorList {
	return Errors(func(r *Report) { validateSubstituted(r, s, path, brought) })
}

func validateSubstituted(r *Report, s *v1.TaskSpec, path *field.Path, brought []corev1.Volume) {
	validateMounts(s, path, mountCheck{Report: r, final: true, closed: true, brought: brought})
	for i := range r.each(len(s.Steps)) {
		step, path := &s.Steps[i], path.Child("steps").Index(i)
		if step.Ref == nil && (s.StepTemplate == nil || s.StepTemplate.Image == "") {
			r.Add(requireImage(path, step.Image)...)
		}
		r.Add(checkFinal(path.Child("imagePullPolicy"), string(step.ImagePullPolicy), pullPolicies())...)
		r.Add(checkFinal(path.Child("onError"), string(step.OnError), v1.OnErrors())...)
		r.Add(checkOutput(path.Child("stdoutConfig"), step.StdoutConfig, true)...)
		r.Add(checkOutput(path.Child("stderrConfig"), step.StderrConfig, true)...)
	}
	for i := range r.each(len(s.Sidecars)) {
		sidecar, path := &s.Sidecars[i], path.Child("sidecars").Index(i)
		r.Add(requireImage(path, sidecar.Image)...)
		r.Add(checkFinal(path.Child("imagePullPolicy"), string(sidecar.ImagePullPolicy), pullPolicies())...)
	}
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

func validateMounts(s *v1.TaskSpec, path *field.Path, c mountCheck) {
	c.volumes, c.workspaces = &volumeNames{}, map[string]v1.WorkspaceDeclaration{}
	for i := range c.brought {
		c.addVolume(c.brought[i].Name)
	}
	c.checkVolumes(path.Child("volumes"), s.Volumes)
	c.checkWorkspaces(path.Child("workspaces"), s.Workspaces)
	if t := s.StepTemplate; t != nil {
		c.checkContainer(path.Child("stepTemplate"), t.VolumeMounts, t.VolumeDevices, nil)
	}
	for i := range c.each(len(s.Steps)) {
		step := &s.Steps[i]
		c.checkContainer(path.Child("steps").Index(i), step.VolumeMounts, step.VolumeDevices, step.Workspaces)
	}
	for i := range c.each(len(s.Sidecars)) {
		sidecar := &s.Sidecars[i]
		c.checkContainer(path.Child("sidecars").Index(i), sidecar.VolumeMounts, sidecar.VolumeDevices, sidecar.Workspaces)
	}
}

func (c mountCheck) checkContainer(path *field.Path, mounts []corev1.VolumeMount, devices []corev1.VolumeDevice, used []v1.WorkspaceUsage) {
	c.checkMounts(path.Child("volumeMounts"), mounts)
	for i := range c.each(len(devices)) {
		if problem := c.volumeProblem(devices[i].Name); problem != "" {
			c.Add(field.Invalid(path.Child("volumeDevices").Index(i).Child("name"), shown(devices[i].Name), problem))
		}
		c.checkPath(path.Child("volumeDevices").Index(i).Child("devicePath"), devices[i].DevicePath)
	}
	for i := range c.each(len(used)) {
		if used[i].MountPath != "" {
			c.checkPath(path.Child("workspaces").Index(i).Child("mountPath"), used[i].MountPath)
		}
	}
}

// checkPath refuses a path that nothing of the user's may be at.
func (c mountCheck) checkPath(path *field.Path, at string) {
	if c.open(at) {
		return
	}
	if cleaned, problem := cleanMountPath(at); problem != "" {
		c.addMount(cleaned, field.Invalid(path, shown(at), problem))
	}
}

// addMount adds the error of a mount at a cleaned path. Nothing may be mounted over the files of the system, even in a task that
// never runs. Any other error is one of Kubernetes, which then does not start the pod.
func (c mountCheck) addMount(cleaned string, err *field.Error) {
	if within(cleaned, reservedDir) {
		c.Add(err)
		return
	}
	c.AddAtRun(err)
}

// open reports whether a text will only be known after substitution.
func (c mountCheck) open(text string) bool { return !c.final && variables.HasReference(text) }

func (c mountCheck) checkVolumes(path *field.Path, volumes []corev1.Volume) {
	unique := newUniqueNames()
	for i := range volumes {
		c.addVolume(volumes[i].Name)
	}
	for i := range c.each(len(volumes)) {
		name, path := volumes[i].Name, path.Index(i).Child("name")
		c.Add(unique.add(path, name)...)
		switch {
		case strings.HasPrefix(name, v1.ReservedVolumePrefix):
			c.Add(field.Invalid(path, shown(name), "names that begin with "+v1.ReservedVolumePrefix+" are reserved; choose another name"))
		case !c.open(name):
			c.Add(checkLabel(path, name)...)
		}
	}
}

func (c mountCheck) checkWorkspaces(path *field.Path, workspaces []v1.WorkspaceDeclaration) {
	for i := range c.each(len(workspaces)) {
		// Tasks may mount a workspace's volume themselves, by $(workspaces.<name>.volume).
		c.addVolume(workspaces[i].VolumeName())
		path, mountPath := path.Index(i).Child("mountPath"), workspaces[i].Path()
		if c.open(mountPath) {
			continue
		}
		cleaned, problem := cleanMountPath(mountPath)
		if other, taken := c.workspaces[cleaned]; taken && problem == "" {
			problem = fmt.Sprintf("workspace %q is mounted there, too", shown(other.Name))
		}
		if problem != "" {
			c.addMount(cleaned, field.Invalid(path, shown(mountPath), problem))
			continue
		}
		c.workspaces[cleaned] = workspaces[i]
	}
}

func (c mountCheck) checkMounts(path *field.Path, mounts []corev1.VolumeMount) {
	taken := map[string]string{}
	for i := range c.each(len(mounts)) {
		if problem := c.volumeProblem(mounts[i].Name); problem != "" {
			c.Add(field.Invalid(path.Index(i).Child("name"), shown(mounts[i].Name), problem))
		}
		if c.open(mounts[i].MountPath) {
			continue
		}
		cleaned, problem := cleanMountPath(mounts[i].MountPath)
		if problem == "" {
			problem = c.takenProblem(mounts[i].Name, cleaned, taken)
		}
		if problem != "" {
			c.addMount(cleaned, field.Invalid(path.Index(i).Child("mountPath"), shown(mounts[i].MountPath), problem))
			continue
		}
		taken[cleaned] = mounts[i].Name
	}
}

func (c mountCheck) takenProblem(volume, cleaned string, taken map[string]string) string {
	if other, ok := taken[cleaned]; ok {
		return fmt.Sprintf("volume %q is mounted there, too", shown(other))
	}
	if other, ok := c.workspaces[cleaned]; ok && !c.open(volume) && volume != other.VolumeName() {
		return fmt.Sprintf("workspace %q is mounted there, too", shown(other.Name))
	}
	return ""
}

func (c mountCheck) volumeProblem(name string) string {
	switch {
	case strings.HasPrefix(name, v1.ReservedVolumePrefix):
		return "volumes whose names begin with " + v1.ReservedVolumePrefix + " belong to the system and cannot be mounted"
	case !c.closed || c.open(name) || c.volumes.variable:
		return ""
	}
	return c.volumes.unknown("volume", name)
}

// cleanMountPath returns the path as the kernel will take it, and what is wrong with it. Only the cleaned path can be
// compared: /tekton/../tekton/run, //tekton/run and /workspace/../tekton are all ways to write a reserved one, and a
// relative path begins at the root, too.
func cleanMountPath(mountPath string) (cleaned, problem string) {
	cleaned = path.Clean("/" + mountPath)
	switch {
	case !path.IsAbs(mountPath):
		return cleaned, "must be an absolute path"
	case strings.ContainsRune(mountPath, ':'):
		return cleaned, "must not contain ':'"
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

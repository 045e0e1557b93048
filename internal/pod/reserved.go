package pod

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// checkReserved refuses a task that mounts something over the system's files, or that mounts the system's volumes. Admission
// and the reconciler refuse it before. This check is in addition, because a step that could write there could forge the
// results of another.
func (b *builder) checkReserved() error {
	for i, volume := range b.Spec.Volumes {
		if err := checkVolume(fmt.Sprintf("spec.volumes[%d].name", i), volume.Name); err != nil {
			return err
		}
	}
	for i, volume := range b.template.Volumes {
		if err := checkVolume(fmt.Sprintf("podTemplate.volumes[%d].name", i), volume.Name); err != nil {
			return err
		}
	}
	for i, w := range b.Spec.Workspaces {
		if err := checkPath(fmt.Sprintf("spec.workspaces[%d].mountPath", i), w.Path()); err != nil {
			return err
		}
	}
	for i, s := range b.Spec.Steps {
		if err := checkContainer(fmt.Sprintf("spec.steps[%d]", i), s.VolumeMounts, s.VolumeDevices, s.Workspaces); err != nil {
			return err
		}
	}
	for i, s := range b.Spec.Sidecars {
		field := fmt.Sprintf("spec.sidecars[%d]", i)
		if err := checkContainer(field, s.VolumeMounts, s.VolumeDevices, s.Workspaces); err != nil {
			return err
		}
		if s.TerminationMessagePath != "" {
			if err := checkPath(field+".terminationMessagePath", s.TerminationMessagePath); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkContainer(field string, mounts []corev1.VolumeMount, devices []corev1.VolumeDevice, usages []v1.WorkspaceUsage) error {
	for i, m := range mounts {
		if err := checkVolume(fmt.Sprintf("%s.volumeMounts[%d].name", field, i), m.Name); err != nil {
			return err
		}
		if err := checkPath(fmt.Sprintf("%s.volumeMounts[%d].mountPath", field, i), m.MountPath); err != nil {
			return err
		}
	}
	for i, d := range devices {
		if err := checkVolume(fmt.Sprintf("%s.volumeDevices[%d].name", field, i), d.Name); err != nil {
			return err
		}
		if err := checkPath(fmt.Sprintf("%s.volumeDevices[%d].devicePath", field, i), d.DevicePath); err != nil {
			return err
		}
	}
	for i, u := range usages {
		if u.MountPath == "" {
			continue
		}
		if err := checkPath(fmt.Sprintf("%s.workspaces[%d].mountPath", field, i), u.MountPath); err != nil {
			return err
		}
	}
	return nil
}

func checkVolume(field, name string) error {
	if strings.HasPrefix(name, v1.ReservedVolumePrefix) {
		return &FieldError{field, name, "volumes with the prefix " + v1.ReservedVolumePrefix + " are reserved for the system"}
	}
	return nil
}

// checkPath checks a path as the kernel interprets it: a relative one also begins at the root.
func checkPath(field, dir string) error {
	at := path.Clean("/" + dir)
	home := at == podpaths.HomeDir || strings.HasPrefix(at, podpaths.HomeDir+"/")
	if at == "/" || at == podpaths.Reserved || strings.HasPrefix(at, podpaths.Reserved+"/") && !home {
		return &FieldError{field, dir, "nothing can be mounted at the root, nor at or under " + podpaths.Reserved + " except " + podpaths.HomeDir}
	}
	return nil
}

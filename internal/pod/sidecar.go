package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// sidecar returns the container of a task's sidecar: a native one, which Kubernetes starts before the steps and stops after
// them. With a command or a script the entrypoint keeps running after that ends, so that the kubelet does not restart it.
func (b *builder) sidecar(s v1.Sidecar, i int) corev1.Container {
	c := corev1.Container{
		Name:                     podpaths.SidecarContainer(s, i),
		Image:                    s.Image,
		ImagePullPolicy:          s.ImagePullPolicy,
		Command:                  s.Command,
		Args:                     s.Args,
		Ports:                    s.Ports,
		EnvFrom:                  s.EnvFrom,
		Env:                      b.environment(s.Env),
		Resources:                b.sidecarResources(s),
		VolumeMounts:             append(b.workspaceMounts(s.Workspaces, s.VolumeMounts), s.VolumeMounts...),
		VolumeDevices:            s.VolumeDevices,
		RestartPolicy:            new(corev1.ContainerRestartPolicyAlways),
		LivenessProbe:            s.LivenessProbe,
		ReadinessProbe:           s.ReadinessProbe,
		StartupProbe:             b.startupProbe(s),
		Lifecycle:                s.Lifecycle,
		TerminationMessagePath:   s.TerminationMessagePath,
		TerminationMessagePolicy: s.TerminationMessagePolicy,
		SecurityContext:          b.secured(s.SecurityContext),
		Stdin:                    s.Stdin,
		StdinOnce:                s.StdinOnce,
		TTY:                      s.TTY,
	}
	if !wrapped(s) {
		// The image's entrypoint is known only to the container runtime.
		c.WorkingDir = s.WorkingDir
		return c
	}
	b.wrap(&c, s, i)
	return c
}

// wrapped reports whether the entrypoint runs the sidecar.
func wrapped(s v1.Sidecar) bool { return len(s.Command) > 0 || s.Script != "" }

// wrap adds the entrypoint before the command of a sidecar. Its end is recorded in the termination message, unless the task
// sets the path of that message.
func (b *builder) wrap(c *corev1.Container, s v1.Sidecar, i int) {
	runDir := podpaths.RunDir + "/" + c.Name
	args := []string{entrypointRole, "-stay", "-step", c.Name, "-run", runDir}
	args = append(args, b.program(c.Name, s.Script, b.workingDir(s.WorkingDir))...)
	if s.TerminationMessagePath == "" && s.TerminationMessagePolicy == "" {
		args = append(args, terminationPathArg, podpaths.TerminationPath)
		c.TerminationMessagePath, c.TerminationMessagePolicy = podpaths.TerminationPath, corev1.TerminationMessageReadFile
	}
	c.Command = []string{b.binary()}
	c.Args = slices.Concat(args, []string{endOfOptions}, s.Command, s.Args)
	mounts := append(b.binMount(), corev1.VolumeMount{Name: numbered(sidecarRunVolumePrefix, i), MountPath: runDir})
	if s.Script != "" {
		mounts = append(mounts, corev1.VolumeMount{Name: numbered(sidecarScriptVolumePrefix, i), MountPath: podpaths.ScriptsDir})
	}
	c.VolumeMounts = append(mounts, c.VolumeMounts...)
}

// startupProbe returns a probe that delays the first step until the sidecar is ready, unless the sidecar has its own startup
// probe. A failed startup probe kills the container where a readiness probe would retry, so it may fail for as long as a task
// may reasonably wait.
func (b *builder) startupProbe(s v1.Sidecar) *corev1.Probe {
	if s.StartupProbe != nil || s.ReadinessProbe == nil || b.Settings.SkipSidecarReadiness {
		return s.StartupProbe
	}
	const patience = 600 // probes; ten minutes at the shortest period of a second
	startup := s.ReadinessProbe.DeepCopy()
	startup.SuccessThreshold = 1 // the only permitted value for a startup probe
	startup.FailureThreshold = max(startup.FailureThreshold, patience)
	if startup.PeriodSeconds == 0 {
		startup.PeriodSeconds = 1
	}
	return startup
}

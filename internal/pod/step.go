package pod

import (
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/entrypoint/script"
)

// step is the container of the step at index i: the entrypoint, told what to wait for, what to run and what to record.
func (b *builder) step(s v1.Step, i int) corev1.Container {
	container := StepContainer(s, i)
	args := []string{"entrypoint", "-step", container, "-run", stepRunDir(i)}
	if i > 0 {
		args = append(args, "-after", stepRunDir(i-1))
	}
	args = append(args, b.program(container, s.Script, s.WorkingDir)...)
	args = append(args, "-termination-path", terminationPath, resultsFromArg, string(b.ResultsFrom))
	if len(b.Spec.Results) > 0 {
		args = append(args, "-max-result-size", strconv.FormatInt(b.Config.Flags.MaxResultSize, 10))
		args = append(args, b.plan().ResultArgs()...)
	}
	return corev1.Container{
		Name:                     container,
		Image:                    s.Image,
		ImagePullPolicy:          s.ImagePullPolicy,
		Command:                  []string{binary},
		Args:                     slices.Concat(args, []string{endOfOptions}, s.Command, s.Args),
		EnvFrom:                  s.EnvFrom,
		Env:                      s.Env,
		Resources:                s.ComputeResources,
		VolumeMounts:             slices.Concat(b.stepMounts(s, i), s.VolumeMounts),
		SecurityContext:          s.SecurityContext,
		TerminationMessagePath:   terminationPath,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
}

// program is what a step and a sidecar have in common: a script instead of a command, and where it runs.
func (b *builder) program(container, text, workingDir string) []string {
	var args []string
	if text != "" {
		args = append(args, "-script-path", scriptsDir+"/"+container)
		for _, piece := range script.Encode(script.WithShebang(text)) {
			args = append(args, "-script", piece)
		}
	}
	if workingDir != "" {
		args = append(args, "-workdir", literal(absolute(workingDir)))
	}
	return args
}

// absolute resolves a working directory, which users may give relative to /workspace.
func absolute(dir string) string {
	if path.IsAbs(dir) {
		return dir
	}
	return path.Join(v1.WorkspacesDir, dir)
}

// literal keeps Kubernetes from expanding $(NAME) in, and folding $$ of, an argument that is meant as it stands.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// sidecar is the container of a task's sidecar: a native one, which Kubernetes starts before the steps and stops
// after them. With a command or a script the entrypoint stays when that ends, so that nothing restarts it.
func (b *builder) sidecar(s v1.Sidecar) corev1.Container {
	c := corev1.Container{
		Name:            SidecarContainer(s),
		Image:           s.Image,
		ImagePullPolicy: s.ImagePullPolicy,
		Command:         s.Command,
		Args:            s.Args,
		Ports:           s.Ports,
		EnvFrom:         s.EnvFrom,
		Env:             s.Env,
		Resources:       s.ComputeResources,
		VolumeMounts:    append(b.workspaceMounts(s.VolumeMounts), s.VolumeMounts...),
		RestartPolicy:   new(corev1.ContainerRestartPolicyAlways),
		ReadinessProbe:  s.ReadinessProbe,
		StartupProbe:    startupProbe(s.ReadinessProbe),
		SecurityContext: s.SecurityContext,
	}
	if len(s.Command) == 0 && s.Script == "" {
		// The image's own entrypoint, which only the container runtime knows.
		c.WorkingDir = s.WorkingDir
		return c
	}
	args := []string{"entrypoint", "-stay", "-step", c.Name}
	args = append(args, b.program(c.Name, s.Script, s.WorkingDir)...)
	c.Command = []string{binary}
	c.Args = slices.Concat(args, []string{endOfOptions}, s.Command, s.Args)
	c.VolumeMounts = append(b.binMount(), c.VolumeMounts...)
	if s.Script != "" {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: scriptsVolume, MountPath: scriptsDir})
	}
	return c
}

// startupProbe makes Kubernetes hold back the first step until the sidecar is ready. A startup probe that fails kills
// the container where a readiness probe would go on trying, so it may fail for as long as a task may reasonably wait.
func startupProbe(readiness *corev1.Probe) *corev1.Probe {
	if readiness == nil {
		return nil
	}
	const patience = 600 // probes; ten minutes at the shortest period of a second
	startup := readiness.DeepCopy()
	startup.SuccessThreshold = 1 // the only value that a startup probe may have
	startup.FailureThreshold = max(startup.FailureThreshold, patience)
	if startup.PeriodSeconds == 0 {
		startup.PeriodSeconds = 1
	}
	return startup
}

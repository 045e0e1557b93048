package pod

import (
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/inpod/script"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// step returns the container of the step at index i: the entrypoint, with arguments for what to wait for, run and record.
func (b *builder) step(s v1.Step, i int) (corev1.Container, error) {
	container := podpaths.StepContainer(s, i)
	args := []string{entrypointRole, "-step", container, "-run", stepRunDir(i)}
	if i > 0 {
		args = append(args, "-after", stepRunDir(i-1))
	}
	late, err := b.runtimeArgs(s, i)
	if err != nil {
		return corev1.Container{}, err
	}
	args = slices.Concat(args, late, b.program(container, s.Script, b.workingDir(s.WorkingDir)), b.mannerArgs(s, i),
		b.credentialArgs(), b.recordArgs(s, i), b.signingArgs())
	return corev1.Container{
		Name:                     container,
		Image:                    s.Image,
		ImagePullPolicy:          s.ImagePullPolicy,
		Command:                  []string{b.binary()},
		Args:                     slices.Concat(args, []string{endOfOptions}, s.Command, s.Args),
		EnvFrom:                  s.EnvFrom,
		Env:                      withHome(b.environment(s.Env)),
		Resources:                b.stepResources(s, i),
		VolumeMounts:             slices.Concat(b.stepMounts(s, i), s.VolumeMounts),
		VolumeDevices:            s.VolumeDevices,
		SecurityContext:          b.secured(s.SecurityContext),
		TerminationMessagePath:   podpaths.TerminationPath,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}, nil
}

// entrypointRole is the role of the in-pod binary in the containers of steps and sidecars.
const entrypointRole = "entrypoint"

// terminationPathArg is the file of the container's termination message.
const terminationPathArg = "-termination-path"

// environment returns the environment of the task, overridden by that of the pod template.
func (b *builder) environment(own []corev1.EnvVar) []corev1.EnvVar {
	return overlaid(own, b.template.Env, func(e corev1.EnvVar) string { return e.Name })
}

// withHome sets HOME to the directory that all steps share, to which every user can write, unless the task sets it. It comes
// first, so that other variables can refer to it.
func withHome(env []corev1.EnvVar) []corev1.EnvVar {
	const home = "HOME"
	if slices.ContainsFunc(env, func(e corev1.EnvVar) bool { return e.Name == home }) {
		return env
	}
	return slices.Concat([]corev1.EnvVar{{Name: home, Value: podpaths.HomeDir}}, env)
}

// program sets what a step and a sidecar have in common: a script instead of a command, and the working directory.
func (b *builder) program(container, text, workingDir string) []string {
	var args []string
	if text != "" {
		args = append(args, "-script-path", podpaths.ScriptsDir+"/"+container)
		for _, piece := range script.Encode(script.WithShebang(text)) {
			args = append(args, "-script", piece)
		}
	}
	if workingDir != "" {
		args = append(args, option("workdir", literal(workingDir)))
	}
	return args
}

// workingDir returns the working directory of a step. The entrypoint makes one with a token absolute, because its value is
// known only there.
func (b *builder) workingDir(dir string) string {
	if dir == "" || slices.ContainsFunc(b.References, func(r substitute.StepResultToken) bool { return strings.Contains(dir, r.Token) }) {
		return dir
	}
	return absolute(dir)
}

// absolute resolves a working directory, which may be relative to /workspace.
func absolute(dir string) string {
	if path.IsAbs(dir) {
		return dir
	}
	return path.Join(v1.WorkspacesDir, dir)
}

// literal escapes an argument so that Kubernetes does not expand $(NAME) in it or replace $$.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// mannerArgs returns the arguments for how the command runs: its timeout, its output files and its breakpoints.
func (b *builder) mannerArgs(s v1.Step, i int) []string {
	var args []string
	if s.Timeout != nil && s.Timeout.Duration > 0 {
		args = append(args, "-timeout", s.Timeout.Duration.String())
	}
	if s.OnError != "" && s.OnError != v1.OnErrorStopAndFail {
		args = append(args, option("on-error", string(s.OnError)))
	}
	if s.StdoutConfig != nil && s.StdoutConfig.Path != "" {
		args = append(args, option("stdout-path", literal(s.StdoutConfig.Path)))
	}
	if s.StderrConfig != nil && s.StderrConfig.Path != "" {
		args = append(args, option("stderr-path", literal(s.StderrConfig.Path)))
	}
	if b.breaksBefore(s, i) {
		args = append(args, "-break-before")
	}
	if b.breaksOnFailure() {
		args = append(args, "-break-on-failure")
	}
	if b.debugged(s, i) {
		args = append(args, "-debug-dir", podpaths.DebugDir)
	}
	return args
}

// recordArgs returns the arguments for the record of the step: how it ended, and which results it wrote.
func (b *builder) recordArgs(s v1.Step, i int) []string {
	args := []string{terminationPathArg, podpaths.TerminationPath, resultsFromArg, string(b.ResultsFrom)}
	if len(s.Results) > 0 {
		args = append(args, "-own-results", podpaths.StepDir(podpaths.StepContainer(s, i))+"/"+podpaths.StepResults)
	}
	if b.Documents.has(i) {
		args = append(args, "-own-artifacts", podpaths.StepArtifactsDir(s, i))
	}
	var files []string
	for _, r := range b.results {
		if r.Step == OfTask || r.Step == i {
			files = append(files, option("result", results.File{Declared: r.Declared, Path: r.Path(b.Spec)}.String()))
		}
	}
	if len(files) > 0 || b.refersToResults(s) {
		args = append(args, "-max-result-size", strconv.FormatInt(b.MaxResultSize, 10))
	}
	return append(args, files...)
}

package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
)

// Transport adds to a pod what transports the results of its steps to the controller.
type Transport interface {
	// AddTo changes a pod that has all its steps. The same layout results in the same additions.
	AddTo(p *corev1.Pod, layout Layout)
}

// Layout is the part of a pod that a Transport may use.
type Layout struct {
	// Steps are the names of the steps' containers, in order.
	Steps []string
	// Results are the results that leave the pod.
	Results []Result
	// MaxResultSize is the maximum length of one result in bytes.
	MaxResultSize int64
	// Nonce distinguishes the output of this pod from all other text. It is valid by frame.ValidNonce.
	Nonce string
	// Signatures reports that the steps sign their results.
	Signatures bool
	// Image is the image of the in-pod binary, which is at ImageBinary in it.
	Image string
}

// ResultArgs returns the arguments that declare the results, with their paths in the container that transports them, in the
// form of all roles of the in-pod binary.
func (l Layout) ResultArgs() []string {
	var args []string
	for _, r := range l.Results {
		args = append(args, option("result", results.File{Declared: r.Declared, Path: r.sourcePath()}.String()))
	}
	return args
}

// ResultDirs returns the directories of results, each once: that of the task's results, those of the steps with own results or
// artifacts, and that of the task's artifacts.
func (l Layout) ResultDirs() []string {
	var dirs []string
	for _, r := range l.Results {
		dir := podpaths.ResultsDir
		switch {
		case r.Step != OfTask:
			dir = stepRunDir(r.Step)
		case r.IsDocument():
			dir = podpaths.ArtifactsDir
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// ResultMounts returns read-only mounts of the results and the records of steps.
func (l Layout) ResultMounts() []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	if ofTask(l.Results) {
		mounts = append(mounts, corev1.VolumeMount{Name: resultsVolume, MountPath: podpaths.ResultsDir, ReadOnly: true})
	}
	if slices.ContainsFunc(l.Results, func(r Result) bool { return r.Step == OfTask && r.IsDocument() }) {
		mounts = append(mounts, corev1.VolumeMount{Name: artifactsVolume, MountPath: podpaths.ArtifactsDir, ReadOnly: true})
	}
	for i := range l.Steps {
		mounts = append(mounts, corev1.VolumeMount{Name: runVolume(i), MountPath: stepRunDir(i), ReadOnly: true})
	}
	return mounts
}

// ofTask reports whether any result is one of the task. Its document of artifacts has a volume for itself.
func ofTask(all []Result) bool {
	return slices.ContainsFunc(all, func(r Result) bool { return r.Step == OfTask && !r.IsDocument() })
}

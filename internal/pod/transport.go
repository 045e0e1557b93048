package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
)

// Transport adds to a pod what carries the results of its steps to the controller.
type Transport interface {
	// AddTo adds to a pod that has all its steps. The same layout gives the same additions.
	AddTo(p *corev1.Pod, layout Layout)
}

// Layout is what a Transport may know of a pod.
type Layout struct {
	// Steps are the names of the steps' containers, in order.
	Steps []string
	// Results that leave the pod.
	Results []Result
	// MaxResultSize is the limit of one result's value, in bytes.
	MaxResultSize int64
	// Nonce tells the output of this pod from all others. It is valid by frame.ValidNonce.
	Nonce string
	// Signatures says that the steps sign their results.
	Signatures bool
	// Image of the in-pod binary, which is at ImageBinary in it.
	Image string
}

// ResultArgs declares the results, and where who carries them finds them, in the form that all roles of the in-pod binary
// take.
func (l Layout) ResultArgs() []string {
	var args []string
	for _, r := range l.Results {
		args = append(args, option("result", results.File{Declared: r.Declared, Path: r.sourcePath()}.String()))
	}
	return args
}

// ResultDirs are the directories that results lie beneath, each once: that of the task's results, and those of the steps
// that have results of their own.
func (l Layout) ResultDirs() []string {
	var dirs []string
	for _, r := range l.Results {
		dir := podpaths.ResultsDir
		if r.Step != OfTask {
			dir = stepRunDir(r.Step)
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// ResultMounts show a container the results and how the steps ended, and let it change neither.
func (l Layout) ResultMounts() []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	if ofTask(l.Results) {
		mounts = append(mounts, corev1.VolumeMount{Name: resultsVolume, MountPath: podpaths.ResultsDir, ReadOnly: true})
	}
	for i := range l.Steps {
		mounts = append(mounts, corev1.VolumeMount{Name: runVolume(i), MountPath: stepRunDir(i), ReadOnly: true})
	}
	return mounts
}

// ofTask reports whether any result is the task's.
func ofTask(all []Result) bool {
	return slices.ContainsFunc(all, func(r Result) bool { return r.Step == OfTask })
}

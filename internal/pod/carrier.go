package pod

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results"
)

// Carrier equips a pod with what carries the results of its steps to the controller.
type Carrier interface {
	// Equip adds to a pod that has all its steps. The same plan gives the same additions.
	Equip(p *corev1.Pod, plan Plan)
}

// Plan is what a Carrier may know of a pod.
type Plan struct {
	// Steps are the names of the steps' containers, in order.
	Steps []string
	// Results that the task declares.
	Results []v1.TaskResult
	// MaxResultSize is the limit of one result's value, in bytes.
	MaxResultSize int64
	// Nonce tells the output of this pod from all others. It is valid by frame.ValidNonce.
	Nonce string
	// Image of the in-pod binary, which is at ImageBinary in it.
	Image string
}

// ResultArgs declares the results, in the form that all roles of the in-pod binary take.
func (p Plan) ResultArgs() []string {
	var args []string
	for _, r := range p.Results {
		file := results.File{Declared: results.Declared{Name: r.Name, Type: string(r.Type)}, Path: ResultPath(r.Name)}
		args = append(args, "-result", file.String())
	}
	return args
}

// ResultMounts show a container the results and how the steps ended, and let it change neither.
func (p Plan) ResultMounts() []corev1.VolumeMount {
	mounts := []corev1.VolumeMount{{Name: resultsVolume, MountPath: ResultsDir, ReadOnly: true}}
	for i := range p.Steps {
		mounts = append(mounts, corev1.VolumeMount{Name: runVolume(i), MountPath: stepRunDir(i), ReadOnly: true})
	}
	return mounts
}

// AddStepArgs adds arguments to the entrypoint of every step.
func AddStepArgs(p *corev1.Pod, args ...string) {
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		if isStep(c.Name) {
			c.Args = slices.Insert(c.Args, slices.Index(c.Args, endOfOptions), args...)
		}
	}
}

// endOfOptions separates the entrypoint's options from the step's command.
const endOfOptions = "--"

// resultsFromArg tells in the pod's spec, which nobody can change, how its results come back.
const resultsFromArg = "-results-from"

// ResultsFrom returns how the results of a pod's steps come back: what it was made for, whatever has been configured
// since.
func ResultsFrom(p *corev1.Pod) config.ResultsFrom {
	for _, c := range p.Spec.Containers {
		if i := slices.Index(c.Args, resultsFromArg); isStep(c.Name) && i >= 0 && i+1 < len(c.Args) {
			return config.ResultsFrom(c.Args[i+1])
		}
	}
	return config.TerminationMessage
}

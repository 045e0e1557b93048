package attack

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/plan"
	"github.com/sluice-ci/sluice/test/load/hostile"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// tooSmall is less memory than the container runtime needs to start a process.
	tooSmall = "1Mi"
	// nowhere is a label that no node has.
	nowhere = "sluice-test/nowhere"
	// width is the name of the param of a matrix.
	width = "copy"
)

// Setting is the information about the cluster that an attack needs.
type Setting struct {
	// Namespace of the hostile tenant.
	Namespace string
	// Image contains test/chaos/step.
	Image string
	// Registries are the addresses of the hostile registries.
	Registries []string
}

// Object returns the attack as an API object.
func (a *Attack) Object(s Setting) client.Object {
	if a.Kind == Oversized {
		return hostile.Objects(s.Image)[a.Large].Build(s.Namespace, a.Name(), a.Size)
	}
	meta := metav1.ObjectMeta{Namespace: s.Namespace, Name: a.Name(), Annotations: map[string]string{v1.AnnotationResultsFrom: a.From}}
	timeout := &metav1.Duration{Duration: a.Timeout}
	spec := a.task(s)
	if !a.Pipeline() {
		return &v1.TaskRun{ObjectMeta: meta, Spec: v1.TaskRunSpec{TaskSpec: &spec, Timeout: timeout}}
	}
	spec.Params = []v1.ParamSpec{{Name: width, Type: v1.TypeString}}
	task := v1.PipelineTask{Name: "wide", TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}, Matrix: &v1.Matrix{Params: []v1.Param{{Name: width}}}}
	copies := make([]string, a.Width)
	for i := range copies {
		copies[i] = fmt.Sprint(i)
	}
	task.Matrix.Params[0].Value = v1.ArrayValue(copies...)
	run := &v1.PipelineRun{ObjectMeta: meta, Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{task}}}}
	run.Spec.Timeouts = &v1.Timeouts{Pipeline: timeout}
	run.Spec.TaskRunTemplate.PodTemplate = &v1.PodTemplate{NodeSelector: map[string]string{nowhere: "x"}}
	return run
}

func (a *Attack) task(s Setting) v1.TaskSpec {
	spec := v1.TaskSpec{}
	var paths []string
	for _, name := range a.Results {
		spec.Results = append(spec.Results, kube.Result(name, v1.TypeString))
		paths = append(paths, fmt.Sprintf("%[1]s=$(results.%[1]s.path)", name))
	}
	for i, planned := range a.Steps {
		step := v1.Step{Name: plan.StepName(i), Image: s.Image, Command: []string{plan.Program}, Args: []string{"-namespace=" + s.Namespace}}
		for _, d := range planned.Deeds {
			step.Args = append(step.Args, "-deed="+d.String())
		}
		step.Args = append(step.Args, paths...)
		if a.Kind == Tarpit {
			step.Image, step.Command = s.Registries[a.Registry]+fmt.Sprintf("/tenant-%d/image:1", a.Number), nil
		}
		if planned.TooSmall {
			step.ComputeResources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(tooSmall)}
		}
		if planned.Output != "" {
			step.StdoutConfig = &v1.StepOutputConfig{Path: planned.Output}
		}
		spec.Steps = append(spec.Steps, step)
	}
	return spec
}

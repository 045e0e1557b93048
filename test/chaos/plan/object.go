package plan

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	soak "github.com/sluice-ci/sluice/test/load/soak/plan"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const (
	// Program is the path of test/chaos/step in its image.
	Program = "/ko-app/step"
	// Ledgers is the path of the folder of the ledgers in a step.
	Ledgers = "/ledgers"
	// TakenBefore is the text before the value that a step gets in its script.
	TakenBefore = "\n<taken>"
	// TakenAfter is the text after it.
	TakenAfter = "</taken>\n"
	// paramTaken and paramMatrix are the names of params. The value of a param without one is none.
	paramTaken, paramMatrix, noParam = "taken", "copy", ""
)

// Setting is the information about the cluster that a run needs.
type Setting struct {
	// Namespace of the runs.
	Namespace string
	// Image contains test/chaos/step.
	Image string
	// Folder of the ledgers in the file system of the node.
	Folder string
}

// Name returns the name of the run's object.
func (r *Run) Name() string { return fmt.Sprintf("chaos-%d", r.Number) }

// TaskRun returns the object of a run that is not a pipeline.
func (r *Run) TaskRun(s Setting) *v1.TaskRun {
	t := &r.Tasks[0]
	spec := r.taskSpec(t, s)
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &spec, Retries: t.Retries, Timeout: duration(t.Timeout)}}
	run.ObjectMeta = r.meta(s)
	return run
}

// PipelineRun returns the object of a run that is a pipeline.
func (r *Run) PipelineRun(s Setting) *v1.PipelineRun {
	spec := &v1.PipelineSpec{}
	for i := range r.Tasks {
		spec.Tasks = append(spec.Tasks, r.pipelineTask(&r.Tasks[i], s))
	}
	for i := range r.Finally {
		spec.Finally = append(spec.Finally, r.pipelineTask(&r.Finally[i], s))
	}
	for _, result := range r.Passed {
		spec.Results = append(spec.Results, v1.PipelineResult{
			Name: result.Name, Type: v1.ValueType(result.Type), Value: v1.StringValue(reference(r.Tasks[0].Name, result)),
		})
	}
	run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: spec}}
	if r.Timeout+r.TasksTimeout > 0 {
		run.Spec.Timeouts = &v1.Timeouts{Pipeline: duration(r.Timeout), Tasks: duration(r.TasksTimeout)}
	}
	run.ObjectMeta = r.meta(s)
	return run
}

// reference returns the variable for a result of another task.
func reference(task string, r soak.Result) string {
	if r.Type == soak.String {
		return fmt.Sprintf("$(tasks.%s.results.%s)", task, r.Name)
	}
	return fmt.Sprintf("$(tasks.%s.results.%s[*])", task, r.Name)
}

func (r *Run) meta(s Setting) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: r.Name(), Namespace: s.Namespace, Annotations: map[string]string{v1.AnnotationResultsFrom: r.From}}
}

func duration(d time.Duration) *metav1.Duration {
	if d == 0 {
		return nil
	}
	return &metav1.Duration{Duration: d}
}

// pipelineTask returns one task of a pipeline's object.
func (r *Run) pipelineTask(t *Task, s Setting) v1.PipelineTask {
	task := v1.PipelineTask{
		Name: t.Name, TaskSpec: &v1.EmbeddedTask{TaskSpec: r.taskSpec(t, s)}, RunAfter: t.After,
		Retries: t.Retries, Timeout: duration(t.Timeout),
	}
	if t.Ignored {
		task.OnError = v1.OnErrorContinue
	}
	if t.Takes != nil {
		task.Params = []v1.Param{{Name: paramTaken, Value: v1.StringValue(reference(t.Takes.Task, t.Takes.Result))}}
	}
	if t.When != nil {
		task.When = []v1.WhenExpression{{
			Input: fmt.Sprintf("$(tasks.%s.results.%s)", t.When.Task, AnswerResult), Operator: v1.WhenIn, Values: []string{t.When.Answer},
		}}
	}
	if len(t.Matrix) > 0 {
		task.Matrix = &v1.Matrix{Params: []v1.Param{{Name: paramMatrix, Value: v1.ArrayValue(t.Matrix...)}}}
	}
	return task
}

// taskSpec returns the spec of a task. Each step gets its number and the paths of all results.
func (r *Run) taskSpec(t *Task, s Setting) v1.TaskSpec {
	folder := corev1.HostPathDirectory
	spec := v1.TaskSpec{
		Params: []v1.ParamSpec{param(paramTaken), param(paramMatrix)},
		Volumes: []corev1.Volume{{Name: "ledgers", VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: s.Folder, Type: &folder},
		}}},
	}
	var paths []string
	for _, result := range t.Declared() {
		spec.Results = append(spec.Results, result)
		paths = append(paths, fmt.Sprintf("%[1]s=$(results.%[1]s.path)", result.Name))
	}
	for i := range t.Steps {
		spec.Steps = append(spec.Steps, r.step(t, i, s, paths))
	}
	return spec
}

// Declared returns the results that the task declares.
func (t *Task) Declared() []v1.TaskResult {
	all := []v1.TaskResult{kube.Result(AttemptResult, v1.TypeString)}
	if len(t.Matrix) == 0 {
		all = append(all, kube.Result(AnswerResult, v1.TypeString))
	}
	for _, r := range t.Results {
		all = append(all, kube.Result(r.Name, v1.ValueType(r.Type), r.Keys()...))
	}
	if t.Fault != nil && t.Fault.Kind == TooLarge {
		all = append(all, kube.Result(BigResult, v1.TypeString))
	}
	return all
}

func param(name string) v1.ParamSpec {
	none := v1.StringValue(noParam)
	return v1.ParamSpec{Name: name, Type: v1.TypeString, Default: &none}
}

// step returns the spec of one step.
func (r *Run) step(t *Task, index int, s Setting, paths []string) v1.Step {
	step := v1.Step{
		Name: StepName(index), Image: s.Image, Timeout: duration(t.Steps[index].Timeout),
		Args: append([]string{
			"-seed=" + strconv.FormatUint(r.Seed, 10), "-run=" + strconv.Itoa(r.Number), "-task=" + t.Name, "-step=" + strconv.Itoa(index),
			"-attempt=$(context.task.retry-count)", "-copy=$(params." + paramMatrix + ")", "-namespace=" + s.Namespace,
		}, paths...),
		Env: []corev1.EnvVar{{
			Name:      "POD_UID",
			ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.uid"}},
		}},
		VolumeMounts: []corev1.VolumeMount{{Name: "ledgers", MountPath: Ledgers}},
	}
	if t.Steps[index].Continue != 0 {
		step.OnError = v1.OnErrorContinue
	}
	if t.Takes != nil && index == 0 {
		// A script may be as large as a result, but an argument may not.
		step.Script = "#!" + Program + TakenBefore + "$(params." + paramTaken + ")" + TakenAfter
	} else if !t.Steps[index].Looked {
		step.Command = []string{Program}
	}
	return step
}

// StepName returns the name of a step by its index.
func StepName(index int) string { return fmt.Sprintf("step-%d", index) }

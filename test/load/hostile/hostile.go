// Package hostile builds the objects that cost a controller most: up to 1.5 MB of references, names, conditions and
// combinations. Any tenant that may create a run can send them, and needs no other permission.
package hostile

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Limit is the maximum size of an object in bytes, encoded as JSON. etcd accepts requests of 1.5 MiB, which must include the
// managed fields that the API server adds.
const Limit = 1_500_000

// Object is one kind of hostile object.
type Object struct {
	// Name of the kind; it is unique, and valid as the name of an object.
	Name string
	// What describes it for people.
	What string
	// build returns an object of the given relative size, in (0, 1].
	build func(part float64) client.Object
}

// Build returns an object of the kind. size is the relative size of all its parts: 1 fills an object, 0.5 half of it. If the
// object is admitted, it runs only the image.
func (o Object) Build(namespace, name string, size float64) client.Object {
	object := o.build(size)
	object.SetNamespace(namespace)
	object.SetName(name)
	return object
}

// Objects returns all kinds, always in the same order.
func Objects(image string) []Object {
	b := builder{image: image}
	return []Object{
		{"wrong-references", "10,000 params, and 60,000 references to a missing one", b.wrongReferences},
		{"step-results", "valid: 15,000 results of a step, and 30,000 references to one", b.stepResults},
		{"unknown-params", "24,500 params that the pipeline does not declare", b.unknownParams},
		{"missing-tasks", "35,000 references to results of missing tasks", b.missingTasks},
		{"matrix", "a matrix of 20 params with 2,000 values each", b.matrix},
		{"deep-when", "900 tasks with 8 conditions each, all of which refer to an earlier task", b.when},
		{"cel", "12 conditions in CEL with 100,000 characters each", b.cel},
		{"deep-cel", "a condition in CEL of 250,000 nested brackets", b.deepCEL},
		{"defaults", "a chain of 16,000 defaults, each of which refers to the next", b.defaults},
		{"no-names", "60,000 params without a name", b.noNames},
		{"small-env", "90,000 variables of the environment of a step", b.smallEnv},
		{"graph", "1,000 tasks, each of which runs after a hundred others", b.graph},
	}
}

// builder builds objects whose steps have the given image.
type builder struct{ image string }

// count returns the given share of the maximum number, at least 1.
func count(all int, part float64) int { return max(1, int(float64(all)*part)) }

func (b builder) steps(script string) []v1.Step {
	return []v1.Step{{Name: "s", Image: b.image, Script: "#!/bin/sh\n" + script}}
}

// task returns an embedded task that does nothing.
func (b builder) task(name string) v1.PipelineTask {
	return v1.PipelineTask{Name: name, TaskSpec: &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{Steps: b.steps("true")}}}
}

func (b builder) run(tasks ...v1.PipelineTask) *v1.PipelineRun {
	return &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: tasks}}}
}

func (b builder) wrongReferences(part float64) client.Object {
	spec := v1.TaskSpec{Steps: b.steps(strings.Repeat("$(params.paramx)", count(60_000, part)))}
	for i := range count(10_000, part) {
		spec.Params = append(spec.Params, v1.ParamSpec{Name: fmt.Sprintf("param-%d", i), Type: v1.TypeString})
	}
	return b.run(v1.PipelineTask{Name: "t", TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}})
}

func (b builder) stepResults(part float64) client.Object {
	n := count(15_000, part)
	spec := v1.TaskSpec{Steps: append(b.steps("true"), v1.Step{
		Name: "last", Image: b.image, Args: []string{strings.Repeat(fmt.Sprintf("$(steps.s.results.r%d)", n-1), 2*n)},
	})}
	for i := range n {
		spec.Steps[0].Results = append(spec.Steps[0].Results, v1.StepResult{Name: fmt.Sprintf("r%d", i)})
	}
	return &v1.Task{ObjectMeta: metav1.ObjectMeta{}, Spec: spec}
}

func (b builder) unknownParams(part float64) client.Object {
	run := b.run(b.task("t"))
	for i := range count(24_500, part) {
		run.Spec.Params = append(run.Spec.Params, v1.Param{Name: fmt.Sprintf("p%d", i), Value: v1.StringValue("x")})
	}
	return run
}

// noNames is refused value by value: the API server would compare each error with all others.
func (b builder) noNames(part float64) client.Object {
	run := b.run(b.task("t"))
	for range count(60_000, part) {
		run.Spec.Params = append(run.Spec.Params, v1.Param{Value: v1.StringValue("")})
	}
	return run
}

// smallEnv has the most elements that 1.5 MB can have of a list with a schema of several fields.
func (b builder) smallEnv(part float64) client.Object {
	steps := b.steps("true")
	for range count(90_000, part) {
		steps[0].Env = append(steps[0].Env, corev1.EnvVar{Name: "A"})
	}
	return &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: steps}}}
}

func (b builder) missingTasks(part float64) client.Object {
	run := b.run(b.task("t"))
	var all strings.Builder
	for i := range count(35_000, part) {
		fmt.Fprintf(&all, "$(tasks.missing-%d.results.r)", i)
	}
	run.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "r", Value: v1.StringValue(all.String())}}
	return run
}

func (b builder) matrix(part float64) client.Object {
	task := b.task("t")
	values := make([]string, count(2_000, part))
	for i := range values {
		values[i] = fmt.Sprintf("value-of-the-matrix-%d", i)
	}
	task.Matrix = &v1.Matrix{}
	for i := range 20 {
		name := fmt.Sprintf("p%d", i)
		task.TaskSpec.Params = append(task.TaskSpec.Params, v1.ParamSpec{Name: name, Type: v1.TypeString})
		task.Matrix.Params = append(task.Matrix.Params, v1.Param{Name: name, Value: v1.ArrayValue(values...)})
	}
	return b.run(task)
}

func (b builder) when(part float64) client.Object {
	first := b.task("t0")
	first.TaskSpec.Results = []v1.TaskResult{{Name: "r"}}
	tasks := []v1.PipelineTask{first}
	for i := range count(900, part) {
		task := b.task(fmt.Sprintf("t%d", i+1))
		task.TaskSpec.Results = first.TaskSpec.Results
		for k := range 8 {
			before := fmt.Sprintf("$(tasks.t%d.results.r)", max(0, i-k))
			task.When = append(task.When, v1.WhenExpression{Input: before, Operator: v1.WhenIn, Values: []string{before, "never", before}})
		}
		tasks = append(tasks, task)
	}
	return b.run(tasks...)
}

func (b builder) cel(part float64) client.Object {
	const condition = `'a' == 'b' || `
	task := b.task("t")
	for range 12 {
		text := strings.Repeat(condition, count(100_000/len(condition), part)) + "true"
		task.When = append(task.When, v1.WhenExpression{CEL: text})
	}
	return b.run(task)
}

func (b builder) deepCEL(part float64) client.Object {
	task := b.task("t")
	n := count(250_000, part)
	task.When = []v1.WhenExpression{{CEL: strings.Repeat("(", n) + "true" + strings.Repeat(")", n)}}
	return b.run(task)
}

func (b builder) defaults(part float64) client.Object {
	run := b.run(b.task("t"))
	for i := range count(16_000, part) {
		next := v1.StringValue(fmt.Sprintf("$(params.p%d)", i+1))
		run.Spec.PipelineSpec.Params = append(run.Spec.PipelineSpec.Params, v1.ParamSpec{Name: fmt.Sprintf("p%d", i), Default: &next})
	}
	return run
}

func (b builder) graph(part float64) client.Object {
	var tasks []v1.PipelineTask
	for i := range count(1_000, part) {
		task := b.task(fmt.Sprintf("t%d", i))
		for k := range min(i, 100) {
			task.RunAfter = append(task.RunAfter, fmt.Sprintf("t%d", i-1-k))
		}
		tasks = append(tasks, task)
	}
	return b.run(tasks...)
}

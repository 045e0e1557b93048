package admission_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	ctrladmission "sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/test/load/hostile"
)

// worst returns objects that took seconds or minutes when work was quadratic, and similar ones.
func worst() map[string]any {
	step := v1.Step{Name: "a", Image: "i", Script: "true"}
	pipelineOf := func(tasks ...v1.PipelineTask) *v1.PipelineRun {
		return &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: tasks}}}
	}
	embedded := func(name string, spec v1.TaskSpec) v1.PipelineTask {
		return v1.PipelineTask{Name: name, TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}}
	}
	wrong := v1.TaskSpec{Params: declared(10_000), Steps: []v1.Step{{Image: "i", Script: strings.Repeat("$(params.paramx)", 30_000)}}}
	task := v1.TaskSpec{Params: declared(7_000), Steps: []v1.Step{{Image: "i", Script: strings.Repeat("$(params.x)", 3_000)}}}
	first := step
	for i := range 8_000 {
		first.Results = append(first.Results, v1.StepResult{Name: fmt.Sprintf("r%d", i)})
	}
	valid := v1.TaskSpec{Steps: []v1.Step{first, {Name: "b", Image: "i", Script: strings.Repeat("$(steps.a.results.r1)", 16_000)}}}
	missing := embedded("t", v1.TaskSpec{Steps: []v1.Step{step}})
	for i := range 20_000 {
		missing.Params = append(missing.Params, v1.Param{
			Name:  fmt.Sprintf("p%d", i),
			Value: v1.StringValue("$(tasks.z.results.r)$(tasks.y.results.r)"),
		})
	}
	many := make([]v1.PipelineTask, 5_000)
	for i := range many {
		many[i] = embedded(fmt.Sprintf("t%d", i),
			v1.TaskSpec{Steps: []v1.Step{{Name: "a", Image: "i", Script: strings.Repeat("$(params.p0)", 10)}}})
	}
	wide := pipelineOf(many...)
	wide.Spec.PipelineSpec.Params = declared(10_000)
	return map[string]any{
		"PipelineRun/UnknownParams": pipelineOf(embedded("t", wrong)),
		"Task/UnknownParams":        &v1.Task{Spec: task},
		"PipelineRun/UnknownTasks":  pipelineOf(missing),
		"Task/ValidStepResults":     &v1.Task{Spec: valid},
		"PipelineRun/TasksxParams":  wide,
		"Task/SmallParams": json.RawMessage(`{"spec":{"params":[` + strings.Repeat(`{"name":"p"},`, 115_000) +
			`{"name":"p"}],"steps":[{"image":"i"}]}}`),
		"Task/SmallSteps": json.RawMessage(`{"spec":{"steps":[` + strings.Repeat(`{"image":"i","script":"x"},`, 30_000) + `{"image":"i"}]}}`),
		"Task/References": json.RawMessage(`{"spec":{"steps":[{"image":"i","script":"` + strings.Repeat(`$(params.x)`, 130_000) + `"}]}}`),
	}
}

// declared are n params.
func declared(n int) (specs []v1.ParamSpec) {
	for i := range n {
		specs = append(specs, v1.ParamSpec{Name: fmt.Sprintf("param-%d", i)})
	}
	return specs
}

// BenchmarkAdmission measures both webhooks on one object.
func BenchmarkAdmission(b *testing.B) {
	hooks := served(b, admission.All(validation.DefaultLimits, settings))
	for name, object := range worst() {
		raw, err := json.Marshal(object)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			kind, _, _ := strings.Cut(name, "/")
			ask := request(kind, string(raw), "")
			ask.Kind.Group, ask.Operation = v1.GroupName, admissionv1.Create
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				for _, path := range []string{admission.DefaultingPath, admission.ValidatingPath} {
					hooks[path].Handle(b.Context(), ctrladmission.Request{AdmissionRequest: ask})
				}
			}
		})
	}
}

// BenchmarkAdmissionOfHostile measures both webhooks on each of the most expensive objects that the API server accepts: the part of the
// row hostile of make bench that the controller can change.
func BenchmarkAdmissionOfHostile(b *testing.B) {
	hooks := served(b, admission.All(validation.DefaultLimits, settings))
	for _, o := range hostile.Objects("example.invalid/image:1") {
		object := o.Build("n", "hostile", 1)
		raw, err := json.Marshal(object)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(o.Name, func(b *testing.B) {
			ask := request(reflect.TypeOf(object).Elem().Name(), string(raw), "")
			ask.Kind.Group, ask.Operation = v1.GroupName, admissionv1.Create
			b.ReportAllocs()
			for b.Loop() {
				for _, path := range []string{admission.DefaultingPath, admission.ValidatingPath} {
					hooks[path].Handle(b.Context(), ctrladmission.Request{AdmissionRequest: ask})
				}
			}
		})
	}
}

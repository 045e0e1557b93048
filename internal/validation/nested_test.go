package validation

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestNestedPipeline: a task is of one form, and a pipeline that is embedded in it is checked as any other, together with what
// the task gives it and takes from it.
func TestNestedPipeline(t *testing.T) {
	const leaf = `{name: a, taskSpec: {results: [{name: r}], steps: [{image: busybox}]}}`
	deep := func(levels int) string {
		spec := `{tasks: [` + leaf + `]}`
		for range levels {
			spec = `{tasks: [{name: in, pipelineSpec: ` + spec + `}]}`
		}
		return spec[1 : len(spec)-1]
	}
	cases := map[string]struct {
		spec string
		want string
	}{
		"Reference": {
			spec: `tasks: [{name: in, pipelineRef: {name: p}}]`,
		},
		"Resolver": {
			spec: `tasks: [{name: in, pipelineRef: {resolver: git, params: [{name: url, value: u}]}}]`,
		},
		"Embedded": {
			spec: `tasks: [{name: in, pipelineSpec: {tasks: [` + leaf + `], results: [{name: r, value: $(tasks.a.results.r)}]}},
			  {name: u, params: [{name: p, value: $(tasks.in.results.r)}], taskSpec: {params: [{name: p}], steps: [{image: i}]}}]`,
		},
		"Finally": {
			spec: `{tasks: [` + leaf + `], finally: [{name: in, pipelineSpec: {tasks: [` + leaf + `]}}]}`,
		},
		"TwoForms": {
			spec: `tasks: [{name: in, pipelineRef: {name: p}, taskRef: {name: t}}]`,
			want: `spec.tasks[0].taskRef: Forbidden: give one of taskRef, taskSpec, pipelineRef and pipelineSpec; given are taskRef and pipelineRef`,
		},
		"TwoPipelines": {
			spec: `tasks: [{name: in, pipelineRef: {name: p}, pipelineSpec: {tasks: [` + leaf + `]}}]`,
			want: `spec.tasks[0].pipelineRef: Forbidden: give one of taskRef, taskSpec, pipelineRef and pipelineSpec; given are ` +
				`pipelineRef and pipelineSpec`,
		},
		"EmptyReference": {
			spec: `tasks: [{name: in, pipelineRef: {}}]`,
			want: `spec.tasks[0].pipelineRef.name: Required`,
		},
		"Retries": {
			spec: `tasks: [{name: in, retries: 2, pipelineRef: {name: p}}]`,
			want: `spec.tasks[0].retries: Invalid value: 2: a pipeline cannot be tried again`,
		},
		"UnknownField": {
			spec: `tasks: [{name: in, pipelineSpec: {tasks: [{name: a, taskref: {name: t}}]}}]`,
			want: `unknown field "tasks[0].taskref"`,
		},
		"WrongType": {
			spec: `tasks: [{name: in, pipelineSpec: {tasks: 7}}]`,
			want: `spec.tasks[0].pipelineSpec: Invalid value: "": cannot decode the pipeline`,
		},
		"NameOfATask": {
			spec: `tasks: [{name: in, pipelineSpec: {tasks: [{name: A_B, taskRef: {name: t}}]}}]`,
			want: `spec.tasks[0].pipelineSpec.tasks[0].name: Invalid value`,
		},
		"ParamOfTheOuterPipeline": {
			spec: `{params: [{name: outer}], tasks: [{name: in, pipelineSpec: {tasks: [
			  {name: a, params: [{name: p, value: $(params.outer)}], taskRef: {name: t}}]}}]}`,
			want: `spec.tasks[0].pipelineSpec.tasks[0].params[0].value`,
		},
		"ResultOfTheOuterPipeline": {
			spec: `{tasks: [` + leaf + `, {name: in, pipelineSpec: {tasks: [
			  {name: b, params: [{name: p, value: $(tasks.a.results.r)}], taskRef: {name: t}}]}}]}`,
			want: `spec.tasks[1].pipelineSpec.tasks[0].params[0].value`,
		},
		"MissingParam": {
			spec: `tasks: [{name: in, pipelineSpec: {params: [{name: p}], tasks: [` + leaf + `]}}]`,
			want: `spec.tasks[0].params: Required value: missing param "p"`,
		},
		"TypeOfAParam": {
			spec: `tasks: [{name: in, params: [{name: p, value: text}], pipelineSpec: {params: [{name: p, type: array}], tasks: [` + leaf + `]}}]`,
			want: `spec.tasks[0].params[0].value`,
		},
		"MissingWorkspace": {
			spec: `tasks: [{name: in, pipelineSpec: {workspaces: [{name: ws}], tasks: [` + leaf + `]}}]`,
			want: `spec.tasks[0].workspaces: Required value: missing workspace "ws"`,
		},
		"UnknownResult": {
			spec: `{tasks: [{name: in, pipelineSpec: {tasks: [` + leaf + `]}}], results: [{name: r, value: $(tasks.in.results.r)}]}`,
			want: `spec.results[0].value`,
		},
		"Deepest": {
			spec: deep(MaxNesting),
		},
		"TooDeep": {
			spec: deep(MaxNesting + 1),
			want: `Forbidden: pipelines are nested in more than 8 levels; use fewer levels`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if !strings.HasPrefix(tc.spec, "{") {
				tc.spec = "{" + tc.spec + "}"
			}
			pipeline := decode[v1.Pipeline](t, "spec: "+tc.spec)
			DefaultPipeline(pipeline)
			errs := Pipeline(pipeline)
			switch {
			case tc.want == "" && len(errs) > 0:
				t.Errorf("want no errors, got %v", errs)
			case tc.want != "" && (len(errs) != 1 || !strings.Contains(errs[0].Error(), tc.want)):
				t.Errorf("want one error with %q, got %v", tc.want, errs)
			}
			atStart := PipelineSpec(&pipeline.Spec, field.NewPath("spec"))
			if (len(atStart) > 0) != (tc.want != "") {
				t.Errorf("a pipeline that is to be run: got %v", atStart)
			}
		})
	}
}

// TestNestedPipelinesCountLinear: the work for nested pipelines grows with their number, and not with its square.
func TestNestedPipelinesCountLinear(t *testing.T) {
	steps := func(n int) int {
		spec := &v1.PipelineSpec{}
		for i := range n {
			task := decode[v1.PipelineTask](t, `{pipelineSpec: {tasks: [{name: a, taskSpec: {results: [{name: r}], steps: [{image: i}]}}],
			  results: [{name: r, value: $(tasks.a.results.r)}]}}`)
			task.Name = fmt.Sprintf("t%d", i)
			spec.Tasks = append(spec.Tasks, *task)
		}
		report := NewReport(t.Context(), nil)
		reportPipelineSpec(report, spec, field.NewPath("spec"))
		if errs := report.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		return report.Steps()
	}
	if once, tenfold := steps(10), steps(100); tenfold > 11*once {
		t.Errorf("10 pipelines take %d steps, and 100 take %d", once, tenfold)
	}
}

// TestPolicyOfNestedPipelines: a pipeline that is embedded in a task falls under disable-inline-spec.
func TestPolicyOfNestedPipelines(t *testing.T) {
	spec := decode[v1.Pipeline](t, "spec: {tasks: [{name: in, pipelineSpec: {tasks: []}}]}").Spec
	errs := PipelineSpecPolicy(&spec, field.NewPath("spec"), Limits{NoInlineSpec: InlineSpecs{Pipeline: true}})
	if len(errs) != 1 || errs[0].Field != "spec.tasks[0].pipelineSpec" {
		t.Errorf("got %v", errs)
	}
}

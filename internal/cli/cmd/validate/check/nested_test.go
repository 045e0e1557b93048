package check

import (
	"strings"
	"testing"
)

// TestNestedPipelines: a pipeline as a task is checked with the Pipelines of the files, and a Pipeline within itself is found.
func TestNestedPipelines(t *testing.T) {
	const outer = "apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: outer}\n"
	const inner = "\n---\napiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: inner}\n"
	const leaf = `{name: leaf, taskSpec: {steps: [{image: busybox}]}}`
	cases := map[string]struct {
		text string
		want string
	}{
		"Fits": {
			text: outer + `spec: {tasks: [{name: a, pipelineRef: {name: inner}, params: [{name: p, value: x}]}]}` +
				inner + `spec: {params: [{name: p}], tasks: [` + leaf + `]}`,
		},
		"MissingParam": {
			text: outer + `spec: {tasks: [{name: a, pipelineRef: {name: inner}}]}` + inner + `spec: {params: [{name: p}], tasks: [` + leaf + `]}`,
			want: `missing param "p"`,
		},
		"UndeclaredParam": {
			text: outer + `spec: {tasks: [{name: a, pipelineRef: {name: inner}, params: [{name: q, value: x}]}]}` +
				inner + `spec: {tasks: [` + leaf + `]}`,
			want: `Pipeline inner declares no param "q"`,
		},
		"UnknownResult": {
			text: outer + `spec: {tasks: [{name: a, pipelineRef: {name: inner}}], results: [{name: r, value: $(tasks.a.results.r)}]}` +
				inner + `spec: {tasks: [` + leaf + `]}`,
			want: `result of task a`,
		},
		"Cycle": {
			text: outer + `spec: {tasks: [{name: a, pipelineSpec: {tasks: [{name: b, pipelineRef: {name: inner}}]}}]}` +
				inner + `spec: {tasks: [` + leaf + `], finally: [{name: c, pipelineRef: {name: outer}}]}`,
			want: `the Pipeline is within itself: outer > inner > outer`,
		},
		"CycleOfTasksWithin": {
			text: outer + `spec: {tasks: [{name: a, pipelineSpec: {tasks: [
			  {name: b, runAfter: [c], taskSpec: {steps: [{image: i}]}}, {name: c, runAfter: [b], taskSpec: {steps: [{image: i}]}}]}}]}`,
			want: `spec.tasks[0].pipelineSpec.tasks[`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := &Set{}
			set.Add("file.yaml", []byte(tc.text))
			var got []string
			for _, finding := range set.Check() {
				got = append(got, finding.Field+": "+finding.Message)
			}
			all := strings.Join(got, "\n")
			if tc.want == "" && all != "" || !strings.Contains(all, tc.want) {
				t.Errorf("want a finding with %q, got:\n%s", tc.want, all)
			}
		})
	}
}

package strict_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/strict"
)

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		reason    string
		prototype any
		json      string
		want      []strict.Fault
	}{
		"Valid": {
			reason:    "what the type has is no fault, in whichever form it decodes itself",
			prototype: &v1.Task{},
			json: `{"apiVersion":"tekton.dev/v1","kind":"Task","metadata":{"name":"a","labels":{"x.y/z":"1"},"creationTimestamp":null},
			  "spec":{"steps":[{"image":"i","timeout":"1h","computeResources":{"limits":{"cpu":1,"memory":"1Gi"}},
			  "script":"x","env":[{"name":"A","value":"b"}]}],"params":[{"name":"p","default":["a"]}],
			  "volumes":[{"name":"v","secret":{"secretName":"s","defaultMode":420,"optional":true}}]}}`,
		},
		"Unknown": {
			reason:    "a field that there is not is named with its path",
			prototype: &v1.Task{},
			json:      `{"spec":{"steps":[{"image":"i"},{"imagee":"i"}]}}`,
			want:      []strict.Fault{{Path: "spec.steps[1].imagee", Unknown: "imagee"}},
		},
		"OtherCase": {
			reason:    "a decoder ignores the case of letters",
			prototype: &v1.Task{},
			json:      `{"spec":{"Steps":[]}}`,
			want:      []strict.Fault{{Path: "spec.Steps", Respelled: "steps"}},
		},
		"InEmbedded": {
			reason:    "a pipeline's task has the fields of a task",
			prototype: &v1.Pipeline{},
			json:      `{"spec":{"tasks":[{"name":"a","taskSpec":{"metadata":{},"steps":[{"imag":"i"}]}}]}}`,
			want:      []strict.Fault{{Path: "spec.tasks[0].taskSpec.steps[0].imag", Unknown: "imag"}},
		},
		"InVolumes": {
			reason:    "so do Kubernetes' own types",
			prototype: &v1.Task{},
			json:      `{"spec":{"volumes":[{"name":"v","emptyDirr":{}}]}}`,
			want:      []strict.Fault{{Path: "spec.volumes[0].emptyDirr", Unknown: "emptyDirr"}},
		},
		"Number": {
			reason:    "a number that should be a text needs quotes",
			prototype: &v1.Task{},
			json:      `{"spec":{"steps":[{"image":5}]}}`,
			want:      []strict.Fault{{Path: "spec.steps[0].image", Problem: "must be a string, found the number 5; put it in quotes"}},
		},
		"Boolean": {
			reason:    "so does a word that YAML takes for a boolean",
			prototype: &v1.Task{},
			json:      `{"spec":{"results":[{"name":false}]}}`,
			want:      []strict.Fault{{Path: "spec.results[0].name", Problem: "must be a string, found the boolean false; put it in quotes"}},
		},
		"NoList": {
			reason:    "one element is not a list",
			prototype: &v1.Task{},
			json:      `{"spec":{"steps":{"image":"i"}}}`,
			want:      []strict.Fault{{Path: "spec.steps", Problem: `must be a list, found a map; each element begins with "- "`}},
		},
		"NoMap": {
			reason:    "a text is not a map",
			prototype: &v1.Task{},
			json:      `{"metadata":{"labels":"x"}}`,
			want:      []strict.Fault{{Path: "metadata.labels", Problem: "must be a map, found a string"}},
		},
		"NoField": {
			reason:    "a list is not a map of fields",
			prototype: &v1.Task{},
			json:      `{"spec":[]}`,
			want:      []strict.Fault{{Path: "spec", Problem: "must be a map of fields, found a list"}},
		},
		"NoBool": {
			reason:    "a text is not a boolean",
			prototype: &v1.Task{},
			json:      `{"spec":{"workspaces":[{"optional":"yes"}]}}`,
			want:      []strict.Fault{{Path: "spec.workspaces[0].optional", Problem: "must be true or false, found a string"}},
		},
		"NoInt": {
			reason:    "a text is not a number",
			prototype: &v1.TaskRun{},
			json:      `{"spec":{"retries":"3"}}`,
			want:      []strict.Fault{{Path: "spec.retries", Problem: "must be a number, found a string"}},
		},
		"EmptyElement": {
			reason:    "a dash without anything behind it",
			prototype: &v1.Task{},
			json:      `{"spec":{"steps":[null]}}`,
			want:      []strict.Fault{{Path: "spec.steps[0]", Problem: "is empty; give it a value, or remove its dash"}},
		},
		"Duration": {
			reason:    "what decodes itself says what is wrong",
			prototype: &v1.TaskRun{},
			json:      `{"spec":{"timeout":"soon"}}`,
			want:      []strict.Fault{{Path: "spec.timeout", Problem: `cannot be used: time: invalid duration "soon"`}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := strict.Check([]byte(tc.json), tc.prototype)
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(strict.Fault{}, "Known"), cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("%s: %v\n%s", tc.reason, err, diff)
			}
		})
	}
}

func TestKnown(t *testing.T) {
	got, err := strict.Check([]byte(`{"spec":{"params":[{"nam":"x"}]}}`), &v1.Task{})
	want := []string{"default", "description", "enum", "name", "properties", "type"}
	if err != nil || len(got) != 1 || !cmp.Equal(want, got[0].Known) {
		t.Errorf("want the fields that there are, %v, got %+v, %v", want, got, err)
	}
}

func TestNoJSON(t *testing.T) {
	if _, err := strict.Check([]byte(`{`), &v1.Task{}); err == nil {
		t.Error("what is not JSON is an error")
	}
}

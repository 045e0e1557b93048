package pod

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/variables"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

func scripted(name, text string) v1.Step { return v1.Step{Name: name, Image: "bash:1", Script: text} }

func TestDocumentsOf(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   v1.TaskSpec
		want   Documents
	}{
		"None": {
			reason: "A task that does not mention artifacts has no documents.",
			spec:   v1.TaskSpec{Steps: []v1.Step{scripted("a", "echo $(artifacts) $(step.results.r.path) outputs")}},
		},
		"Step": {
			reason: "The file of the step.",
			spec:   v1.TaskSpec{Steps: []v1.Step{scripted("a", "true"), scripted("b", "echo > $(step.artifacts.path)")}},
			want:   Documents{Steps: []int{1}},
		},
		"Task": {
			reason: "The file of the task.",
			spec:   v1.TaskSpec{Steps: []v1.Step{scripted("a", "true"), scripted("b", "echo > $(artifacts.path)")}},
			want:   Documents{Task: true},
		},
		"Used": {
			reason: "A step whose artifacts another step uses has a document, whatever its texts are.",
			spec:   v1.TaskSpec{Steps: []v1.Step{scripted("a", "program"), scripted("b", "echo $(steps.a.inputs.source)")}},
			want:   Documents{Steps: []int{0}},
		},
		"UsedUnnamed": {
			reason: "A step without a name has the name of its index.",
			spec:   v1.TaskSpec{Steps: []v1.Step{scripted("", "program"), scripted("b", "echo $(steps.unnamed-0.outputs.image)")}},
			want:   Documents{Steps: []int{0}},
		},
		"Argument": {
			reason: "Every text counts.",
			spec: v1.TaskSpec{Steps: []v1.Step{
				{Name: "a", Args: []string{"--out", "$(step['artifacts'].path)"}},
				{Name: "b", Env: []corev1.EnvVar{{Name: "OUT", Value: "$(artifacts.path)"}}},
				{Name: "c", StdoutConfig: &v1.StepOutputConfig{Path: "$(step.artifacts.path)"}},
				{Name: "d", When: []v1.WhenExpression{{Input: "$(steps.e.outputs.x)"}}},
				{Name: "e"},
			}},
			want: Documents{Task: true, Steps: []int{0, 2, 4}},
		},
		"Path": {
			reason: "A step may use the path itself.",
			spec: v1.TaskSpec{Steps: []v1.Step{
				scripted("a", "echo > /tekton/steps/step-a/artifacts/provenance.json"),
				scripted("b", "cat /tekton/artifacts/provenance.json"),
			}},
			want: Documents{Task: true, Steps: []int{0}},
		},
		"OtherPath": {
			reason: "The path of another step is not the file of this one.",
			spec:   v1.TaskSpec{Steps: []v1.Step{scripted("a", "true"), scripted("b", "cat /tekton/steps/step-a/artifacts/provenance.json")}},
		},
		"Template": {
			reason: "The template is part of each step.",
			spec: v1.TaskSpec{
				StepTemplate: &v1.StepTemplate{Env: []corev1.EnvVar{{Name: "OUT", Value: "$(step.artifacts.path)"}}},
				Steps:        []v1.Step{scripted("a", "true"), scripted("b", "true")},
			},
			want: Documents{Steps: []int{0, 1}},
		},
		"Param": {
			reason: "A default of a param is a value, and adds no document.",
			spec: v1.TaskSpec{
				Params: []v1.ParamSpec{{Name: "p", Default: new(v1.StringValue("/tekton/artifacts/provenance.json"))}},
				Steps:  []v1.Step{scripted("a", "echo $(params.p)")},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, DocumentsOf(&tc.spec)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// A document has a name that no result has.
func TestDocumentsHaveFreeNames(t *testing.T) {
	spec := &v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "task.artifacts"}},
		Steps:   []v1.Step{{Name: "a", Script: "$(artifacts.path)$(step.artifacts.path)", Results: []v1.StepResult{{Name: "artifacts"}}}},
	}
	want := []Result{
		{results.Declared{Name: "task.artifacts", Type: results.TypeString}, OfTask, "task.artifacts"},
		{results.Declared{Name: "step-a.artifacts", Type: results.TypeString}, 0, "artifacts"},
		{results.Declared{Name: "task.0", Type: results.TypeArtifacts}, OfTask, ""},
		{results.Declared{Name: "step-a.0", Type: results.TypeArtifacts}, 0, ""},
	}
	if diff := cmp.Diff(want, ResultsOf(spec)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// substitutedArtifacts is a task in which a step uses the artifact of an earlier one, with the documents of the task before
// substitution.
func substitutedArtifacts(in *Input) {
	in.Documents = DocumentsOf(in.Spec)
	in.References = []substitute.StepResultToken{{
		Token: "ref-00000000", Step: "make", Result: "image", Artifacts: variables.AttributeOutputs, Index: -1,
	}}
	out := in.Spec.DeepCopy()
	for i := range out.Steps {
		out.Steps[i].Script = strings.NewReplacer(
			"$(steps.make.outputs.image)", "ref-00000000", "$(artifacts.path)", "/tekton/artifacts/provenance.json",
			"$(step.artifacts.path)", "/tekton/steps/step-"+out.Steps[i].Name+"/artifacts/provenance.json",
		).Replace(out.Steps[i].Script)
	}
	in.Spec = out
}

func artifactsTask() v1.TaskSpec {
	return v1.TaskSpec{Steps: []v1.Step{
		scripted("make", "echo > $(step.artifacts.path)"),
		scripted("push", "echo '$(steps.make.outputs.image)' > $(artifacts.path)"),
	}}
}

// A reference to the artifact of a step without a document fails before the pod exists.
func TestArtifactOfLaterStep(t *testing.T) {
	in := input(v1.TaskSpec{Steps: []v1.Step{scripted("push", "ref-00000000"), scripted("make", "true")}}, func(in *Input) {
		in.Documents = Documents{Steps: []int{1}}
		in.References = []substitute.StepResultToken{{
			Token: "ref-00000000", Step: "make", Result: "image", Artifacts: variables.AttributeOutputs, Index: -1,
		}}
	})
	if _, err := Build(in); err == nil || !strings.Contains(err.Error(), "$(steps.make.outputs.image)") {
		t.Errorf("got error %v, want one that names the reference", err)
	}
}

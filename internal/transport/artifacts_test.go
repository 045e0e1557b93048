package transport_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/transport"
)

// artifactsTask is a task with three documents of artifacts.
func artifactsTask() *v1.TaskSpec {
	return &v1.TaskSpec{Steps: []v1.Step{
		{Name: "a", Script: "$(step.artifacts.path)"}, {Name: "b", Script: "$(step.artifacts.path)$(artifacts.path)"}, {Name: "c"},
	}}
}

func TestDecodeArtifacts(t *testing.T) {
	const (
		source = `{"name":"source","values":[{"uri":"git","digest":{"sha1":"02"}}]}`
		image  = `{"name":"image","values":[{"uri":"oci","digest":{"sha256":"01"}}]}`
	)
	sources := []v1.Artifact{{Name: "source", Values: []v1.ArtifactValue{{URI: "git", Digest: map[string]string{"sha1": "02"}}}}}
	images := []v1.Artifact{{Name: "image", Values: []v1.ArtifactValue{{URI: "oci", Digest: map[string]string{"sha256": "01"}}}}}
	built := []v1.Artifact{{Name: "image", BuildOutput: true, Values: append(images[0].Values, v1.ArtifactValue{URI: "second"})}}
	none := v1.Artifacts{}
	cases := map[string]struct {
		reason string
		whole  map[string]string
		want   *v1.Artifacts
		steps  []v1.Artifacts
		wrong  []string
	}{
		"Nothing": {
			reason: "No step must write a document.",
			steps:  []v1.Artifacts{none, none, none},
		},
		"Empty": {
			reason: "Documents without artifacts leave the status as it is.",
			whole:  map[string]string{"step-a.artifacts": "{}", "task.artifacts": `{"outputs":[]}`},
			steps:  []v1.Artifacts{none, none, none},
		},
		"Steps": {
			reason: "Artifacts of steps are theirs, and those of the task.",
			whole: map[string]string{
				"step-a.artifacts": `{"inputs":[` + source + `]}`,
				"step-b.artifacts": `{"inputs":[` + source + `],"outputs":[` + image + `]}`,
			},
			want:  &v1.Artifacts{Inputs: sources, Outputs: images},
			steps: []v1.Artifacts{{Inputs: sources}, {Inputs: sources, Outputs: images}, none},
		},
		"Merged": {
			reason: "The document of the task comes first; values of steps are added.",
			whole: map[string]string{
				"task.artifacts": `{"outputs":[{"name":"image","buildOutput":true,"values":[` +
					`{"uri":"oci","digest":{"sha256":"01"}},{"uri":"second"}]}]}`,
				"step-a.artifacts": `{"outputs":[` + image + `]}`,
			},
			want:  &v1.Artifacts{Outputs: built},
			steps: []v1.Artifacts{{Outputs: images}, none, none},
		},
		"Wrong": {
			reason: "A file that is no document is named, with its step, its path and the place; the others are kept.",
			whole:  map[string]string{"step-a.artifacts": "{\n  outputs: []\n}", "step-b.artifacts": `{"outputs":[` + image + `]}`},
			want:   &v1.Artifacts{Outputs: images},
			steps:  []v1.Artifacts{none, {Outputs: images}, none},
			wrong: []string{`the file of artifacts of step "a" in "/tekton/steps/step-a/artifacts/provenance.json" cannot be read: ` +
				"line 2, column 3: it is not JSON: invalid character 'o'"},
		},
		"WrongOfTask": {
			reason: "Also one of the task.",
			whole:  map[string]string{"task.artifacts": ""},
			steps:  []v1.Artifacts{none, none, none},
			wrong: []string{`the file of artifacts of the task in "/tekton/artifacts/provenance.json" cannot be read: ` +
				`line 1, column 1: it ends before the document is complete; the file must be JSON of the form {"inputs": [`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var whole []frame.Result
			for name, value := range tc.whole {
				whole = append(whole, frame.Result{Name: name, Value: []byte(value)})
			}
			got := transport.Decode(artifactsTask(), whole)
			if diff := cmp.Diff(tc.want, got.Artifacts); diff != "" {
				t.Errorf("%s\nartifacts of the task: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.steps, got.StepArtifacts); diff != "" {
				t.Errorf("%s\nartifacts of steps: -want +got:\n%s", tc.reason, diff)
			}
			if len(got.Task) != 0 || len(got.Wrong) != len(tc.wrong) {
				t.Fatalf("%s\nresults: %+v, wrong: %q", tc.reason, got.Task, got.Wrong)
			}
			for i, part := range tc.wrong {
				if !strings.Contains(got.Wrong[i], part) {
					t.Errorf("%s\nwrong: %q, want %q", tc.reason, got.Wrong[i], part)
				}
			}
		})
	}
}

// A task with documents of artifacts needs a transport, also without results.
func TestArtifactsNeedTransport(t *testing.T) {
	if got := transport.Needed(config.SidecarLogs, artifactsTask(), config.Flags{}); got != config.SidecarLogs {
		t.Errorf("want %s, got %s", config.SidecarLogs, got)
	}
}

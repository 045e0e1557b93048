//go:build integration

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// making returns a task that writes artifacts, and using one that uses a value of it.
func making(name string) v1.PipelineTask {
	task := oneStep()
	task.Steps[0].Script = "program > $(artifacts.path)"
	return v1.PipelineTask{Name: name, TaskSpec: &v1.EmbeddedTask{TaskSpec: task}}
}

func using(value string) v1.PipelineTask {
	task := v1.PipelineTask{
		Name: "use", TaskSpec: &v1.EmbeddedTask{TaskSpec: oneStep()}, Params: []v1.Param{{Name: "p", Value: v1.StringValue(value)}},
	}
	task.TaskSpec.Params = []v1.ParamSpec{{Name: "p"}}
	return task
}

// documentOf is the document of artifacts of a task, as its steps report it.
func documentOf(text string) frame.Result {
	return frame.Result{Name: "task.artifacts", Type: "artifacts", Value: []byte(text)}
}

// TestArtifacts runs tasks with artifacts with the real API server, the real controller and its schemas.
func TestArtifacts(t *testing.T) {
	supervise(t, newRelay(t))
	const document = `{"inputs":[{"name":"source","values":[{"uri":"pkg:git/s"}]}],` +
		`"outputs":[{"name":"image","buildOutput":true,"values":[{"uri":"$(params.x)","digest":{"sha256":"01","sha1":"02"}}]}]}`
	t.Run("Used", func(t *testing.T) {
		namespace := newPlace(t)
		playPods(t, namespace, documentOf(document))
		create(t, running(namespace, "used", using("<$(tasks.make.outputs.image)>"), making("make")))
		awaitRun(t, namespace, "used", v1.PipelineRunReasonSucceeded, "")
		taskRuns, _ := awaitEnds(t, namespace, time.Minute)
		if len(taskRuns) != 2 {
			t.Fatalf("want 2 TaskRuns, got %d", len(taskRuns))
		}
		want := &v1.Artifacts{
			Inputs: []v1.Artifact{{Name: "source", Values: []v1.ArtifactValue{{URI: "pkg:git/s"}}}},
			Outputs: []v1.Artifact{{
				Name: "image", BuildOutput: true,
				Values: []v1.ArtifactValue{{URI: "$(params.x)", Digest: map[string]string{"sha256": "01", "sha1": "02"}}},
			}},
		}
		for _, tr := range taskRuns {
			if tr.Name == "used-make" {
				if diff := cmp.Diff(want, tr.Status.Artifacts); diff != "" {
					t.Errorf("artifacts in the status: -want +got:\n%s", diff)
				}
				continue
			}
			if tr.Status.Artifacts != nil {
				t.Errorf("TaskRun %q has the artifacts %+v, and mentions none", tr.Name, tr.Status.Artifacts)
			}
			const value = `<[{"digest":{"sha1":"02","sha256":"01"},"uri":"$(params.x)"}]>`
			if got := tr.Spec.Params[0].Value.String; got != value {
				t.Errorf("param: got %q, want %q", got, value)
			}
		}
	})
	t.Run("Missing", func(t *testing.T) {
		namespace := newPlace(t)
		playPods(t, namespace, documentOf(document))
		create(t, running(namespace, "missing", using("$(tasks.make.outputs.sbom)"), making("make")))
		awaitRun(t, namespace, "missing", v1.PipelineRunReasonInvalidTaskResultReference, `artifact "sbom" in the outputs of task "make"`)
	})
	t.Run("Invalid", func(t *testing.T) {
		namespace := newPlace(t)
		playPods(t, namespace, documentOf("{\n\"outputs\": [}"))
		create(t, running(namespace, "invalid", making("make")))
		awaitRun(t, namespace, "invalid", v1.PipelineRunReasonFailed, `task "make" failed`)
		taskRuns, _ := awaitEnds(t, namespace, time.Minute)
		const want = `the file of artifacts of the task in "/tekton/artifacts/provenance.json" cannot be read: line 2, column 13`
		c := taskRuns[0].Status.Condition()
		if c.Reason != v1.TaskRunReasonValidationFailed || !strings.Contains(c.Message, want) {
			t.Errorf("got %+v", c)
		}
	})
	t.Run("UnknownTask", func(t *testing.T) {
		namespace := newPlace(t)
		create(t, running(namespace, "unknown", using("$(tasks.make.outputs.image)")))
		awaitRun(t, namespace, "unknown", v1.PipelineRunReasonInvalidTaskResultReference, `no task "make"`)
	})
}

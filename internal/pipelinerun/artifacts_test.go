package pipelinerun

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// endWithArtifacts ends the TaskRun of a task, which made these artifacts.
func (c *cluster) endWithArtifacts(t *testing.T, pr *v1.PipelineRun, task string, artifacts *v1.Artifacts) {
	t.Helper()
	tr := c.child(t, pr, task, -1)
	tr.Status.SetCondition(done(), metav1.NewTime(start))
	tr.Status.Artifacts = artifacts
	if err := c.Status().Update(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
}

// TestArtifactsOfATask: a task waits for the one whose artifacts it uses, and gets their values as JSON: in params, and where it
// is written out.
func TestArtifactsOfATask(t *testing.T) {
	pr := run(
		taking("use", "<$(tasks.make.outputs.image)>"), showing("$(tasks.make.inputs['source.git']) $(tasks.make.outputs.empty)"), plain("make"),
	)
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	if diff := cmp.Diff([]string{"run-make"}, c.children(t)); diff != "" {
		t.Fatalf("before the other has ended: -want, +got:\n%s", diff)
	}
	c.endWithArtifacts(t, pr, "make", &v1.Artifacts{
		Inputs: []v1.Artifact{{Name: "source.git", Values: []v1.ArtifactValue{{URI: "$(params.x)"}}}},
		Outputs: []v1.Artifact{
			{Name: "image", Values: []v1.ArtifactValue{{URI: "pkg:a", Digest: map[string]string{"sha256": "01"}}, {URI: "pkg:b"}}},
			{Name: "empty"},
		},
	})
	pr = c.settle(t, pr)
	const image = `[{"digest":{"sha256":"01"},"uri":"pkg:a"},{"uri":"pkg:b"}]`
	if diff := cmp.Diff([]v1.Param{param("p", "<"+image+">")}, c.child(t, pr, "use", -1).Spec.Params); diff != "" {
		t.Errorf("params: -want, +got:\n%s", diff)
	}
	want := []v1.Param{param("tasks.make.inputs.source.git", `[{"uri":"$(params.x)"}]`), param("tasks.make.outputs.empty", "[]")}
	if diff := cmp.Diff(want, c.child(t, pr, "show", -1).Spec.Params); diff != "" {
		t.Errorf("params of the task that is written out: -want, +got:\n%s", diff)
	}
}

// TestArtifactThatATaskLacks: a run whose task needs an artifact that is not there fails and names it; the task never starts with
// empty text.
func TestArtifactThatATaskLacks(t *testing.T) {
	for name, artifacts := range map[string]*v1.Artifacts{
		"None":      nil,
		"Other":     {Outputs: []v1.Artifact{{Name: "sbom", Values: []v1.ArtifactValue{{URI: "u"}}}}},
		"AsInput":   {Inputs: []v1.Artifact{{Name: "image", Values: []v1.ArtifactValue{{URI: "u"}}}}},
		"Slashed":   {Outputs: []v1.Artifact{{Name: "outputs/image"}}},
		"OtherCase": {Outputs: []v1.Artifact{{Name: "Image"}}},
	} {
		t.Run(name, func(t *testing.T) {
			pr := run(taking("use", "$(tasks.make.outputs.image)"), plain("make"))
			c := newCluster(t, interceptor.Funcs{}, pr)
			pr = c.settle(t, pr)
			c.endWithArtifacts(t, pr, "make", artifacts)
			pr = c.settle(t, pr)
			condition := pr.Status.Condition()
			if condition == nil || condition.Reason != v1.PipelineRunReasonInvalidTaskResultReference ||
				!strings.Contains(condition.Message, `artifact "image" in the outputs of task "make"`) {
				t.Errorf("want the artifact named, got %+v", condition)
			}
			if diff := cmp.Diff([]string{"run-make"}, c.children(t)); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
		})
	}
}

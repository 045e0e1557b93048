//go:build integration

package beside

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
)

// artifacts is a document of artifacts as the steps of a task report it.
func artifacts() frame.Result {
	return frame.Result{Name: "task.artifacts", Type: "artifacts", Value: []byte(
		`{"inputs":[{"name":"source","values":[{"uri":"pkg:git/s"}]}],` +
			`"outputs":[{"name":"image","buildOutput":true,"values":[{"uri":"pkg:oci/i","digest":{"sha256":"01"}}]}]}`)}
}

// everyKind is a run with a task of each kind of children, and one that uses what the others have made.
func everyKind(t *testing.T, namespace string) *v1.PipelineRun {
	t.Helper()
	task := func(name string, spec v1.TaskSpec) v1.PipelineTask {
		return v1.PipelineTask{Name: name, TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}}
	}
	makes := step()
	makes.Steps[0].Command, makes.Steps[0].Script = nil, "program > $(artifacts.path)"
	inner, err := json.Marshal(v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{task("leaf", step())},
		Results: []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks.leaf.results.r)")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	use := task("use", step())
	use.TaskSpec.Params = []v1.ParamSpec{{Name: "p"}}
	use.Params = []v1.Param{{Name: "p", Value: v1.StringValue(
		"<$(tasks.make.outputs.image)> <$(tasks.approve.results.r)> <$(tasks.inner.results.r)>")}}
	pr := newPipelineRun(namespace)
	pr.Name, pr.GenerateName = "run", ""
	pr.Spec.PipelineSpec.Tasks = []v1.PipelineTask{
		use, task("make", makes),
		customtask.Task("approve", customtask.Echo, v1.Param{Name: "r", Value: v1.StringValue("$(tasks.make.results.r), approved")}),
		{Name: "inner", PipelineSpec: &runtime.RawExtension{Raw: inner}},
	}
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "sum", Value: v1.StringValue("$(tasks.approve.results.r)")}}
	return pr
}

// TestKindsOfChildren: beside Tekton, a run has custom tasks, pipelines and artifacts. Tekton's kinds keep what Sluice writes, its webhook
// refuses nothing, and Tekton's controller writes none of the children.
func TestKindsOfChildren(t *testing.T) {
	for name, labeled := range map[string]bool{"Labeled": true, "Named": false} {
		t.Run(name, func(t *testing.T) {
			accepted := wantNothingRefused(t)
			namespace := newNamespace(t, labeled)
			play(t, namespace, "by Sluice", artifacts())
			serveCustomTasks(t, namespace)
			pr := everyKind(t, namespace)
			if !labeled {
				pr.Spec.ManagedBy = new(v1.ManagedBySluice)
			}
			create(t, pr)
			awaitPipelineRun(t, pr)
			if c := pr.Status.Condition(); c.Reason != v1.PipelineRunReasonSucceeded {
				t.Fatalf("got the condition %+v\n%s", c, shared.sluice.log())
			}
			if len(pr.Status.Results) != 1 || pr.Status.Results[0].Value.String != "by Sluice, approved" {
				t.Errorf("got the results %+v", pr.Status.Results)
			}
			wantChildren(t, pr)
			if foreign := by(writes(t, namespace), tektonUser); len(foreign) > 0 {
				t.Errorf("Tekton wrote in a run of Sluice: %v", foreign)
			}
			accepted()
		})
	}
}

// wantChildren checks the references to the children of the run, and the children.
func wantChildren(t *testing.T, pr *v1.PipelineRun) {
	t.Helper()
	kinds := map[string]string{}
	for _, child := range pr.Status.ChildReferences {
		kinds[child.PipelineTaskName] = child.APIVersion + " " + child.Kind
	}
	if diff := cmp.Diff(map[string]string{
		"approve": "tekton.dev/v1beta1 " + v1beta1.KindCustomRun,
		"inner":   "tekton.dev/v1 " + v1.KindPipelineRun,
		"make":    "tekton.dev/v1 " + v1.KindTaskRun,
		"use":     "tekton.dev/v1 " + v1.KindTaskRun,
	}, kinds); diff != "" {
		t.Errorf("kinds of children in the status: -want +got\n%s", diff)
	}
	inner, makes, use := &v1.PipelineRun{}, &v1.TaskRun{}, &v1.TaskRun{}
	for o, task := range map[client.Object]string{inner: "inner", makes: "make", use: "use"} {
		if err := shared.client.Get(t.Context(), client.ObjectKey{Namespace: pr.Namespace, Name: pr.Name + "-" + task}, o); err != nil {
			t.Fatal(err)
		}
	}
	wantBy(t, inner.Spec.ManagedBy, v1.ManagedBySluice)
	if !metav1.IsControlledBy(inner, pr) {
		t.Errorf("PipelineRun %q has the owners %+v", inner.Name, inner.OwnerReferences)
	}
	want := &v1.Artifacts{
		Inputs: []v1.Artifact{{Name: "source", Values: []v1.ArtifactValue{{URI: "pkg:git/s"}}}},
		Outputs: []v1.Artifact{{
			Name: "image", BuildOutput: true, Values: []v1.ArtifactValue{{URI: "pkg:oci/i", Digest: map[string]string{"sha256": "01"}}},
		}},
	}
	if diff := cmp.Diff(want, makes.Status.Artifacts); diff != "" {
		t.Errorf("artifacts in the status: -want +got\n%s", diff)
	}
	const value = `<[{"digest":{"sha256":"01"},"uri":"pkg:oci/i"}]> <by Sluice, approved> <by Sluice>`
	if got := use.Spec.Params[0].Value.String; got != value {
		t.Errorf("the param is %q, want %q", got, value)
	}
}

// serveCustomTasks runs the controller of custom tasks until the test ends.
func serveCustomTasks(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- customtask.Serve(ctx, shared.client, namespace) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("the controller of custom tasks: %v", err)
		}
	})
}

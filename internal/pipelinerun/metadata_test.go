package pipelinerun

import (
	"context"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// release is a Pipeline with labels and annotations of every kind.
func release(namespace string) *v1.Pipeline {
	return &v1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "release",
			Labels: map[string]string{"team": "pipeline", "tier": "one"},
			Annotations: map[string]string{
				"docs": "here", corev1.LastAppliedConfigAnnotation: "{}", "chains.tekton.dev/signed": "true", v1.AnnotationFinal: "forged",
			},
		},
		Spec: v1.PipelineSpec{Tasks: []v1.PipelineTask{plain("a")}},
	}
}

func referring(ref v1.PipelineRef) *v1.PipelineRun {
	return &v1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "run", UID: "pr-uid", Labels: map[string]string{"team": "run"},
			Annotations: map[string]string{"chains.tekton.dev/signed": "true"}, // which Chains has set
		},
		Spec: v1.PipelineRunSpec{PipelineRef: &ref},
	}
}

// TestRunsAreLabeled: a run has the labels and annotations of its Pipeline, and the label that clients find it by. So have its
// TaskRuns. It takes one write.
func TestRunsAreLabeled(t *testing.T) {
	written := run(plain("a"))
	written.Labels = nil
	generated := run(plain("a"))
	generated.Labels, generated.GenerateName = nil, "nightly-"
	named := run(plain("a"))
	named.Labels = map[string]string{v1.LabelPipeline: "mine"}
	resolver := v1.PipelineRef{ResolverRef: v1.ResolverRef{
		Resolver: "cluster", Params: []v1.Param{param("name", "release"), param("namespace", "shared")},
	}}
	for name, tc := range map[string]struct {
		run     *v1.PipelineRun
		labels  map[string]string
		inherit map[string]string
	}{
		"Named": {
			run:     referring(v1.PipelineRef{Name: "release"}),
			labels:  map[string]string{v1.LabelPipeline: "release", "team": "run", "tier": "one"},
			inherit: map[string]string{"docs": "here"},
		},
		"Resolved": {
			run:     referring(resolver),
			labels:  map[string]string{v1.LabelPipeline: "release", "team": "run", "tier": "one"},
			inherit: map[string]string{"docs": "here"},
		},
		"WrittenOut": {
			run:    written,
			labels: map[string]string{v1.LabelPipeline: "run"},
		},
		"GeneratedName": {
			run:    generated,
			labels: map[string]string{v1.LabelPipeline: "nightly"},
		},
		"OwnLabel": {
			run:    named,
			labels: map[string]string{v1.LabelPipeline: "mine"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, interceptor.Funcs{}, tc.run, release("ns"), release("shared"))
			before := tc.run.Annotations
			pr := c.settle(t, tc.run)
			if diff := cmp.Diff(tc.labels, pr.Labels); diff != "" {
				t.Errorf("labels of the run: -want +got:\n%s", diff)
			}
			if pr.Annotations["docs"] != tc.inherit["docs"] || pr.Annotations["chains.tekton.dev/signed"] != before["chains.tekton.dev/signed"] ||
				pr.Annotations[corev1.LastAppliedConfigAnnotation] != "" || pr.Annotations[v1.AnnotationFinal] != "" {
				t.Errorf("annotations of the run: got %v", pr.Annotations)
			}
			child := c.child(t, pr, "a", -1)
			for label, want := range tc.labels {
				if child.Labels[label] != want {
					t.Errorf("label %s of the TaskRun: want %q, got %q", label, want, child.Labels[label])
				}
			}
			want := map[string]string{v1.AnnotationFinal: strings.Join(v1.FinalParts(), ",")}
			maps.Copy(want, tc.inherit)
			if diff := cmp.Diff(want, child.Annotations); diff != "" {
				t.Errorf("annotations of the TaskRun: -want +got:\n%s", diff)
			}
			if writes := c.calls["patch"]; writes > 1 {
				t.Errorf("want one write of labels at most, got %d", writes)
			}
		})
	}
}

// TestTaskRunsKnowWhoseFailureIsIgnored: only the TaskRun of a task with onError: continue has the annotation, whatever the run says.
func TestTaskRunsKnowWhoseFailureIsIgnored(t *testing.T) {
	ignored, other := plain("ignored"), plain("other")
	ignored.OnError = v1.OnErrorContinue
	pr := run(ignored, other)
	pr.Annotations = map[string]string{v1.AnnotationOnError: "continue"}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	for task, want := range map[string]string{"ignored": "continue", "other": ""} {
		if got := c.child(t, pr, task, -1).Annotations[v1.AnnotationOnError]; got != want {
			t.Errorf("task %q: want %q, got %q", task, want, got)
		}
	}
}

// TestInvalidRunsAreLabeled: clients find a run by its Pipeline also when the Pipeline does not exist.
func TestInvalidRunsAreLabeled(t *testing.T) {
	pr := referring(v1.PipelineRef{Name: "nowhere"})
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	if !pr.Status.Done() || pr.Labels[v1.LabelPipeline] != "nowhere" {
		t.Errorf("want a failed run with its label, got %v, %v", pr.Labels, pr.Status.Conditions)
	}
}

// TestRefusedLabelsDoNotStopTheRun: a policy that refuses the labels of a Pipeline is reported, and the run continues.
func TestRefusedLabelsDoNotStopTheRun(t *testing.T) {
	pr := referring(v1.PipelineRef{Name: "release"})
	c := newCluster(t, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return apierrors.NewForbidden(schema.GroupResource{Resource: "pipelineruns"}, "run", nil)
		},
	}, pr, release("ns"))
	pr = c.settle(t, pr)
	if got := c.child(t, pr, "a", -1).Labels[v1.LabelPipeline]; got != "release" {
		t.Errorf("label of the TaskRun: want %q, got %q", "release", got)
	}
	if event := <-c.recorder.Events; !strings.Contains(event, "Warning NotLabelled cannot set the labels") {
		t.Errorf("event: got %q", event)
	}
}

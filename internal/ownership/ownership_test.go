package ownership_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/partial"
)

func TestManages(t *testing.T) {
	cases := map[string]struct {
		reason    string
		managedBy *string
		alone     bool
		beside    bool
		named     bool
	}{
		"Unnamed": {
			reason: "A run without a manager is Tekton's where there is a Tekton.",
			alone:  true,
		},
		"Empty": {
			reason:    "Tekton treats an empty name as none; the rules of the API refuse it where Sluice is alone.",
			managedBy: new(""),
		},
		"Tekton": {
			reason:    "Where Sluice is alone, it runs what names Tekton's controller.",
			managedBy: new("tekton.dev/pipeline"),
			alone:     true,
		},
		"Beside": {
			reason:    "The default name beside Tekton.",
			managedBy: new("sluice.dev/controller"),
			beside:    true,
		},
		"Named": {
			reason:    "A name that the administrator chose.",
			managedBy: new("ci.example.com/sluice"),
			named:     true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for rule, want := range map[ownership.Rule]bool{
				{}:                                      tc.alone,
				ownership.Only(""):                      tc.beside,
				ownership.Only("ci.example.com/sluice"): tc.named,
			} {
				if got := rule.Manages(tc.managedBy); got != want {
					t.Errorf("%s: %s manages it: %t, want %t", tc.reason, rule.Name(), got, want)
				}
			}
		})
	}
}

// TestRunsOfOthersAreTrimmed: of a run that the controller does not manage, the cache keeps what identifies it, and nothing
// that could start a reconcile of another run.
func TestRunsOfOthersAreTrimmed(t *testing.T) {
	full := metav1.ObjectMeta{
		Namespace: "ci", Name: "run", UID: "uid", ResourceVersion: "7", CreationTimestamp: start,
		Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"a": "b"},
		OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "tekton.dev/v1", Kind: "PipelineRun", Name: "parent", UID: "parent", Controller: new(true)},
			{APIVersion: "triggers.tekton.dev/v1beta1", Kind: "EventListener", Name: "listener", UID: "listener"},
		},
	}
	kept := metav1.ObjectMeta{
		Namespace: "ci", Name: "run", UID: "uid", ResourceVersion: "7", CreationTimestamp: start,
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "tekton.dev/v1", Kind: "PipelineRun", Name: "parent"}},
	}
	kept.SetSelfLink(string(partial.Identity))
	rule := ownership.Only("")
	tr := &v1.TaskRun{ObjectMeta: full, Spec: v1.TaskRunSpec{TaskSpec: taskSpec()}, Status: v1.TaskRunStatus{PodName: "p"}}
	if rule.TrimTaskRun(tr) {
		t.Error("a TaskRun without managedBy is not of a controller beside Tekton")
	}
	if diff := cmp.Diff(&v1.TaskRun{ObjectMeta: kept}, tr); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !ownership.Child(tr) {
		t.Error("what is kept must say that another run owns this one")
	}
	pr := &v1.PipelineRun{ObjectMeta: full, Spec: v1.PipelineRunSpec{ManagedBy: new("tekton.dev/pipeline"), PipelineSpec: &v1.PipelineSpec{}}}
	if rule.TrimPipelineRun(pr) {
		t.Error("a PipelineRun of Tekton's controller is not of a controller beside Tekton")
	}
	if diff := cmp.Diff(&v1.PipelineRun{ObjectMeta: kept, Spec: v1.PipelineRunSpec{ManagedBy: new("tekton.dev/pipeline")}}, pr); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ours := &v1.TaskRun{ObjectMeta: full, Spec: v1.TaskRunSpec{ManagedBy: new(v1.ManagedBySluice), TaskSpec: taskSpec()}}
	whole := ours.DeepCopy()
	if !rule.TrimTaskRun(ours) {
		t.Error("a TaskRun that names this controller is its own")
	}
	if diff := cmp.Diff(whole, ours); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestChild(t *testing.T) {
	cases := map[string]struct {
		owner metav1.OwnerReference
		want  bool
	}{
		"PipelineRun": {
			owner: metav1.OwnerReference{APIVersion: "tekton.dev/v1", Kind: "PipelineRun"},
			want:  true,
		},
		"CustomRun": {
			owner: metav1.OwnerReference{APIVersion: "tekton.dev/v1beta1", Kind: "CustomRun"},
			want:  true,
		},
		"Pipeline": {
			owner: metav1.OwnerReference{APIVersion: "tekton.dev/v1", Kind: "Pipeline"},
		},
		"OtherGroup": {
			owner: metav1.OwnerReference{APIVersion: "example.com/v1", Kind: "PipelineRun"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{tc.owner}}}
			if got := ownership.Child(run); got != tc.want {
				t.Errorf("want %t, got %t", tc.want, got)
			}
		})
	}
}

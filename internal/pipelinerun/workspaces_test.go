package pipelinerun

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
)

func claimTemplate(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"l": "v"}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

func TestClaims(t *testing.T) {
	pr := run(plain("a"), plain("b"))
	for i := range pr.Spec.PipelineSpec.Tasks {
		pr.Spec.PipelineSpec.Tasks[i].TaskSpec.Steps[0].Script = "ls $(workspaces.w.path) $(workspaces.v.path)"
	}
	pr.Spec.Workspaces = []v1.WorkspaceBinding{
		{Name: "w", SubPath: "x", VolumeClaimTemplate: claimTemplate("")}, {Name: "v", VolumeClaimTemplate: claimTemplate("named")},
		{Name: "unused", ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "c"}}},
	}
	c := newCluster(t, interceptor.Funcs{}, pr)
	made := c.made(t, pr)
	list := &corev1.PersistentVolumeClaimList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 {
		t.Fatalf("want one claim for each template, got %d", len(list.Items))
	}
	for i := range list.Items {
		claim := &list.Items[i]
		if !metav1.IsControlledBy(claim, pr) || claim.Labels["l"] != "v" || claim.Spec.Resources.Requests.Storage().String() != "1Gi" {
			t.Errorf("claim: %+v", claim)
		}
	}
	w, v := name.Claim("pr-uid", "w"), "named-"+name.Claim("pr-uid", "v")
	for _, task := range []string{"run-a", "run-b"} {
		want := []v1.WorkspaceBinding{
			{Name: "v", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: v}},
			{Name: "w", SubPath: "x", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: w}},
		}
		if diff := cmp.Diff(want, made[task].Spec.Workspaces); diff != "" {
			t.Errorf("workspaces of %s: -want, +got:\n%s", task, diff)
		}
	}
	c.end(t, pr, "a", done())
	creations := c.calls["create"]
	c.settle(t, pr)
	if c.calls["create"] != creations {
		t.Error("claims were made again")
	}
}

func TestClaimsOfOthersAreNotUsed(t *testing.T) {
	pr := run(plain("a"))
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "w", VolumeClaimTemplate: claimTemplate("")}}
	there := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name.Claim("pr-uid", "w")}}
	c := newCluster(t, interceptor.Funcs{}, pr, there)
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonClaimCreationFailed, "does not belong to this PipelineRun")
	if names := c.children(t); len(names) > 0 {
		t.Errorf("TaskRuns were made: %v", names)
	}
}

// TestTaskWaitsForResultInItsWorkspace: a task that gets a workspace with a result waits for the task of the result, whatever
// their order in the pipeline is. A task without that workspace does not wait.
func TestTaskWaitsForResultInItsWorkspace(t *testing.T) {
	use, other := plain("use"), plain("other")
	use.TaskSpec.Workspaces = []v1.WorkspaceDeclaration{{Name: "w"}}
	pr := run(use, producing("make", "claim"), other)
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{
		Name:                  "w",
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "$(tasks.make.results.claim)"},
	}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	if diff := cmp.Diff([]string{"run-make", "run-other"}, c.children(t)); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
	c.end(t, pr, "make", done(), text("claim", "disk"))
	pr = c.settle(t, pr)
	if got := c.child(t, pr, "use", -1).Spec.Workspaces[0].PersistentVolumeClaim.ClaimName; got != "disk" {
		t.Errorf("want the claim of the result, got %q", got)
	}
}

// A workspace of the run reaches only tasks that are written out, in a pipeline that is, or that declares it.
func TestPropagatedWorkspaces(t *testing.T) {
	empty := &corev1.EmptyDirVolumeSource{}
	using := plain("using")
	using.TaskSpec.Steps[0].Script = "ls $(workspaces.w.path) $(workspaces.nowhere.path)"
	declaring := embedded("declaring", v1.TaskSpec{Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}}})
	pipeline := &v1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"},
		Spec: v1.PipelineSpec{
			Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "w"}},
			Tasks:      []v1.PipelineTask{declaring, plain("neither")},
		},
	}
	ref := run()
	ref.Spec.PipelineSpec, ref.Spec.PipelineRef = nil, &v1.PipelineRef{Name: "p"}
	ref.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "w", EmptyDir: empty}, {Name: "nowhere", EmptyDir: empty}}
	c := newCluster(t, interceptor.Funcs{}, ref, pipeline)
	made := c.made(t, ref)
	if diff := cmp.Diff([]v1.WorkspaceBinding{{Name: "w", EmptyDir: empty}}, made["run-declaring"].Spec.Workspaces); diff != "" {
		t.Errorf("workspaces of a task of a Pipeline: -want, +got:\n%s", diff)
	}
	if got := made["run-neither"].Spec.Workspaces; len(got) > 0 {
		t.Errorf("a task that uses none has %v", got)
	}

	inline := run(using)
	inline.Spec.Workspaces = ref.Spec.Workspaces
	if got := first(t, inline)["run-using"].Spec.Workspaces; len(got) != 2 {
		t.Errorf("a task that is written out in the run has %v", got)
	}
}

// TestClaimOfATemplateWithAResult: a claim is created for the run, and a task uses it in the folder that a result names.
func TestClaimOfATemplateWithAResult(t *testing.T) {
	use := plain("use")
	use.TaskSpec.Workspaces = []v1.WorkspaceDeclaration{{Name: "w"}}
	pr := run(use, producing("make", "dir"))
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{
		Name: "w", SubPath: "$(tasks.make.results.dir)", VolumeClaimTemplate: claimTemplate(""),
	}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", done(), text("dir", "a/b"))
	pr = c.settle(t, pr)
	got := c.child(t, pr, "use", -1).Spec.Workspaces[0]
	if got.SubPath != "a/b" || got.VolumeClaimTemplate != nil || got.PersistentVolumeClaim == nil ||
		got.PersistentVolumeClaim.ClaimName != claimName(pr, &pr.Spec.Workspaces[0]) {
		t.Errorf("want the claim of the run and the folder of the result, got %+v", got)
	}
}

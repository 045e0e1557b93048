//go:build e2e

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

func claimSpec() corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: *quantity("1Mi")}},
	}
}

// TestClaimOfARun: a claim created from a template has the name that the task sees, and belongs to the run.
func TestClaimOfARun(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Run(t, v1.TaskRunSpec{
		Workspaces: []v1.WorkspaceBinding{{Name: "w", VolumeClaimTemplate: &corev1.PersistentVolumeClaim{Spec: claimSpec()}}},
		TaskSpec: &v1.TaskSpec{
			Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}}, Results: []v1.TaskResult{kube.Result("claim", v1.TypeString)},
			Steps: []v1.Step{kube.Script("use", "touch $(workspaces.w.path)/x; printf $(workspaces.w.claim) > $(results.claim.path)")},
		},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	claim, err := n.Kube.CoreV1().PersistentVolumeClaims(n.Name).Get(t.Context(), kube.Values(run)["claim"].String, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !metav1.IsControlledBy(claim, run) {
		t.Errorf("the claim goes with the run: got owners %+v", claim.OwnerReferences)
	}
}

// TestClaimThatIsThere passes data from one run to the next through a claim, in a folder whose name contains a param.
func TestClaimThatIsThere(t *testing.T) {
	n := suite.NewNamespace(t)
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "kept", Namespace: n.Name}, Spec: claimSpec()}
	if err := n.Client.Create(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	with := func(script string, results ...v1.TaskResult) *v1.TaskRun {
		return n.Run(t, v1.TaskRunSpec{
			Params: []v1.Param{{Name: "folder", Value: v1.StringValue("a")}},
			Workspaces: []v1.WorkspaceBinding{{
				Name: "w", SubPath: "in/$(params.folder)", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "kept"},
			}},
			TaskSpec: &v1.TaskSpec{Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}}, Results: results, Steps: []v1.Step{kube.Script("s", script)}},
		})
	}
	suite.WantSucceeded(t, with("printf abc > $(workspaces.w.path)/x").Status.Condition())
	run := with("cat $(workspaces.w.path)/x > $(results.r.path)", kube.Result("r", v1.TypeString))
	suite.WantSucceeded(t, run.Status.Condition())
	if got := kube.Values(run)["r"].String; got != "abc" {
		t.Errorf("what the first run left: got %q, want abc", got)
	}
}

// TestClaimThatIsRefused: the message quotes the API server.
func TestClaimThatIsRefused(t *testing.T) {
	n := suite.NewNamespace(t)
	spec := claimSpec()
	spec.VolumeName = "No_Name"
	run := n.Run(t, v1.TaskRunSpec{
		Workspaces: []v1.WorkspaceBinding{{Name: "w", VolumeClaimTemplate: &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"x": strings.Repeat("x", 64)}}, Spec: spec,
		}}},
		TaskSpec: &v1.TaskSpec{Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}}, Steps: []v1.Step{kube.Script("s", "true")}},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonClaimCreationFailed, "PersistentVolumeClaim", "labels")
}

// TestQuotaIsWaitedFor: a run reports the quota that it waits for, and continues when there is room.
func TestQuotaIsWaitedFor(t *testing.T) {
	n := suite.NewNamespace(t)
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "none", Namespace: n.Name},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: *quantity("0")}},
	}
	if err := n.Client.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{kube.Script("s", "true")}}})
	n.Await(t, run, func(run *v1.TaskRun) bool {
		c := run.Status.Condition()
		return c != nil && c.Reason == v1.TaskRunReasonExceededResourceQuota && strings.Contains(c.Message, "exceeded quota: none")
	})
	if err := n.Client.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	n.Finish(t, run)
	suite.WantSucceeded(t, run.Status.Condition())
}

//go:build e2e

package e2e

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

func quantity(text string) *resource.Quantity {
	q := resource.MustParse(text)
	return &q
}

// TestRetries runs a task twice, with both transports of results. The first attempt writes a result and fails, the second
// writes another one. No result of the first attempt may be in the run's results.
func TestRetries(t *testing.T) {
	for _, from := range []string{kube.SidecarLogs, kube.TerminationMessage} {
		t.Run(from, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, from, 4096)
			run := n.Run(t, v1.TaskRunSpec{
				Retries: 1,
				Workspaces: []v1.WorkspaceBinding{{
					Name: "kept",
					VolumeClaimTemplate: &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{
						AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
						Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: *quantity("1Mi")}},
					}},
				}},
				TaskSpec: &v1.TaskSpec{
					Workspaces: []v1.WorkspaceDeclaration{{Name: "kept"}},
					Results:    []v1.TaskResult{kube.Result("only-first", v1.TypeString), kube.Result("both", v1.TypeString)},
					Steps: []v1.Step{kube.Script("try", `
printf $(context.task.retry-count) > $(results.both.path)
if [ -e $(workspaces.kept.path)/tried ]; then exit 0; fi
touch $(workspaces.kept.path)/tried
printf x > $(results.only-first.path)
exit 3
`)},
				},
			})
			suite.WantSucceeded(t, run.Status.Condition())
			values := kube.Values(run)
			if _, ok := values["only-first"]; ok || values["both"].String != "1" {
				t.Errorf("the results are those of the second attempt alone: got %+v", run.Status.Results)
			}
			if run.Status.PodName != run.Name+"-pod-retry1" || len(n.Pods(t, run)) != 2 {
				t.Errorf("each attempt has a pod, and finished ones are kept: got %q, %d pods", run.Status.PodName, len(n.Pods(t, run)))
			}
			if len(run.Status.RetriesStatus) != 1 {
				t.Fatalf("want the first attempt kept, got %d", len(run.Status.RetriesStatus))
			}
			first := run.Status.RetriesStatus[0]
			if first.PodName != run.Name+"-pod" || len(first.Results) != 2 || first.Steps[0].Terminated.ExitCode != 3 {
				t.Errorf("the first attempt must be kept unchanged: got %+v", first)
			}
		})
	}
}

// TestRetriesAreUsedUp: each attempt has the full timeout of the run, and the run ends as its last attempt.
func TestRetriesAreUsedUp(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Run(t, v1.TaskRunSpec{
		Retries: 1, Timeout: &metav1.Duration{Duration: 3 * time.Second},
		TaskSpec: &v1.TaskSpec{Steps: []v1.Step{kube.Script("slow", "exec sleep 3600")}},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonTimedOut)
	if len(run.Status.RetriesStatus) != 1 || run.Status.RetriesStatus[0].Conditions[0].Reason != v1.TaskRunReasonTimedOut {
		t.Errorf("want one attempt that timed out before: got %+v", run.Status.RetriesStatus)
	}
}

// TestInvalidIsNotRetried: a failure that every attempt would repeat is not retried.
func TestInvalidIsNotRetried(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Run(t, v1.TaskRunSpec{Retries: 3, TaskSpec: &v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("list", v1.TypeArray)},
		Steps:   []v1.Step{kube.Script("wrong", `printf '{}' > $(results.list.path)`)},
	}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonValidationFailed, `"list"`)
	if len(n.Pods(t, run)) != 1 {
		t.Errorf("want one pod, got %d", len(n.Pods(t, run)))
	}
}

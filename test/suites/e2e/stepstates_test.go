//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestStepStates: the states of steps that continue, are skipped, or take too long have the words and the exit codes of the public
// API, and the status shows the values of the run.
func TestStepStates(t *testing.T) {
	bothWays(t, named{"each end of a step": func(t *testing.T, n *suite.Namespace) {
		goesOn := kube.Script("goes-on", "exit $(params.code)")
		goesOn.OnError = v1.OnErrorContinue
		guarded := kube.Script("guarded", "true")
		guarded.When = []v1.WhenExpression{{Input: "a", Operator: v1.WhenIn, Values: []string{"b"}}}
		late := kube.Script("late", "sleep 60")
		late.Timeout = &metav1.Duration{Duration: time.Second}
		run := n.Run(t, v1.TaskRunSpec{
			Params: []v1.Param{{Name: "code", Value: v1.StringValue("3")}},
			TaskSpec: &v1.TaskSpec{Steps: []v1.Step{
				kube.Script("good", "true"), goesOn, guarded, late, kube.Script("after", "true"),
			}},
		})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, "late")
		type end struct {
			Step, TerminationReason, Reason string
			ExitCode                        int32
		}
		var got []end
		for _, s := range run.Status.Steps {
			if s.Terminated == nil {
				t.Fatalf("step %q has not ended: %+v", s.Name, s)
			}
			got = append(got, end{s.Name, s.TerminationReason, s.Terminated.Reason, s.Terminated.ExitCode})
		}
		want := []end{
			{"good", "Completed", "Completed", 0},
			{"goes-on", "Continued", "Completed", 3},
			{"guarded", "Skipped", "Completed", 0},
			{"late", "TimeoutExceeded", "Error", 1},
			{"after", "Skipped", "Error", 1},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("states of the steps (-want +got):\n%s", diff)
		}
		if script := run.Status.TaskSpec.Steps[1].Script; !strings.HasSuffix(strings.TrimSpace(script), "exit 3") {
			t.Errorf("want the value of the param in status.taskSpec, got %q", script)
		}
	}})
}

// TestPodRemovedOnItsNode: a pod that is evicted while its node waits for a volume is made again, because the node reports that it has
// created no container. The run succeeds when the volume can be mounted.
func TestPodRemovedOnItsNode(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	run := n.Start(t, v1.TaskRunSpec{
		Workspaces: []v1.WorkspaceBinding{{
			Name: "late", ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "late"}},
		}},
		TaskSpec: &v1.TaskSpec{
			Workspaces: []v1.WorkspaceDeclaration{{Name: "late"}},
			Results:    []v1.TaskResult{kube.Result("text", v1.TypeString)},
			Steps:      []v1.Step{kube.Script("write", "cp $(workspaces.late.path)/value $(results.text.path)")},
		},
	})
	n.Await(t, run, func(run *v1.TaskRun) bool { return run.Status.PodName != "" })
	first := n.AwaitPod(t, run, func(p *corev1.Pod) bool { return len(p.Status.ContainerStatuses) > 0 })
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: first.Namespace, Name: first.Name}}
	if err := n.Client.SubResource("eviction").Create(t.Context(), first, eviction); err != nil {
		t.Fatal(err)
	}
	second := awaitOtherPod(t, n, first)
	n.MustKubectl(t, "create", "configmap", "late", "--from-literal=value=x")
	n.Finish(t, run)
	if c := run.Status.Condition(); c.Status != metav1.ConditionTrue || kube.Values(run)["text"].String != "x" {
		t.Errorf("want a green run with its result in pod %q, got %s", second.Name, kube.Describe(c))
	}
	if got := run.Annotations[v1.AnnotationPodsRemade]; got != "0/1" {
		t.Errorf("want one pod made again, got %q", got)
	}
}

// TestPodRemovedBeforeItsSteps: a pod that is deleted before it is scheduled is made again, and the run succeeds.
func TestPodRemovedBeforeItsSteps(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	key := "sluice.dev/" + n.Name
	run := n.Start(t, v1.TaskRunSpec{
		PodTemplate: &v1.PodTemplate{NodeSelector: map[string]string{key: "yes"}},
		TaskSpec: &v1.TaskSpec{
			Results: []v1.TaskResult{kube.Result("text", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("write", "printf x > $(results.text.path)")},
		},
	})
	n.Await(t, run, func(run *v1.TaskRun) bool { return run.Status.PodName != "" })
	first := n.AwaitPod(t, run, func(*corev1.Pod) bool { return true })
	n.MustKubectl(t, "delete", "pod", first.Name)
	n.Await(t, run, func(run *v1.TaskRun) bool {
		return run.Status.PodName != "" && run.Annotations[v1.AnnotationPodsRemade] == "0/1"
	})
	second := awaitOtherPod(t, n, first)
	defer n.MustKubectl(t, "label", "node", "--all", key+"-") // before the context of the test ends
	n.MustKubectl(t, "label", "node", "--all", key+"=yes")
	n.Finish(t, run)
	if c := run.Status.Condition(); c.Status != metav1.ConditionTrue || kube.Values(run)["text"].String != "x" {
		t.Errorf("want a green run with its result in pod %q, got %s", second.Name, kube.Describe(c))
	}
}

// awaitOtherPod waits until there is another pod with the name of this one.
func awaitOtherPod(t *testing.T, n *suite.Namespace, first *corev1.Pod) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	second := &corev1.Pod{}
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) { // the pod may not exist yet
		err := n.Client.Get(ctx, client.ObjectKeyFromObject(first), second)
		return err == nil && second.UID != first.UID, client.IgnoreNotFound(err)
	})
	if err != nil {
		t.Fatalf("cannot find another pod %q: %v", first.Name, err)
	}
	return second
}

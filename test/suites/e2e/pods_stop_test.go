//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/injection"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// room is a label that a node has only after a test sets it.
const room = "sluice-test/room"

// TestUnscheduledPodGoes: if a run has ended before its pod got a node, the pod is deleted. No step of it runs when there is
// room for it later.
func TestUnscheduledPodGoes(t *testing.T) {
	n := suite.NewNamespace(t)
	cases := map[string]struct {
		reason  string
		spec    v1.TaskRunSpec
		status  string
		outcome string
		pods    int
	}{
		"timed out": {
			reason:  "its timeout is over",
			spec:    v1.TaskRunSpec{Timeout: &metav1.Duration{Duration: 3 * time.Second}},
			outcome: v1.TaskRunReasonTimedOut,
			pods:    1,
		},
		"timed out twice": {
			reason:  "an earlier attempt must not run beside a later one",
			spec:    v1.TaskRunSpec{Timeout: &metav1.Duration{Duration: 3 * time.Second}, Retries: 1},
			outcome: v1.TaskRunReasonTimedOut,
			pods:    2,
		},
		"cancelled": {
			reason:  "its user does not want it",
			status:  `{"spec":{"status":"TaskRunCancelled"}}`,
			outcome: v1.TaskRunReasonCancelled,
			pods:    1,
		},
	}
	var ended []*v1.TaskRun
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Log(tc.reason)
			tc.spec.TaskSpec = &v1.TaskSpec{Steps: []v1.Step{kube.Script("never", "true")}}
			tc.spec.PodTemplate = &v1.PodTemplate{NodeSelector: map[string]string{room: n.Name}}
			run := n.Start(t, tc.spec)
			n.Await(t, run, func(run *v1.TaskRun) bool { return run.Status.PodName != "" })
			if tc.status != "" {
				if err := n.Client.Patch(t.Context(), run, client.RawPatch(types.MergePatchType, []byte(tc.status))); err != nil {
					t.Fatal(err)
				}
			}
			n.Finish(t, run)
			suite.WantFailed(t, run.Status.Condition(), tc.outcome)
			ended = append(ended, run)
		})
	}
	for _, run := range ended {
		awaitNoPods(t, n, run)
	}
	makeRoom(t, n)
	later := n.Run(t, v1.TaskRunSpec{
		PodTemplate: &v1.PodTemplate{NodeSelector: map[string]string{room: n.Name}},
		TaskSpec:    &v1.TaskSpec{Steps: []v1.Step{kube.Script("later", "true")}},
	})
	suite.WantSucceeded(t, later.Status.Condition())
	for _, run := range ended {
		if pods := n.Pods(t, run); len(pods) != 0 {
			t.Errorf("TaskRun %q has ended, but has pod %q (%s)", run.Name, pods[0].Name, pods[0].Status.Phase)
		}
	}
}

// awaitNoPods waits until a run has no pods.
func awaitNoPods(t *testing.T, n *suite.Namespace, run *v1.TaskRun) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	err := kube.Poll(ctx, func(context.Context) (bool, error) { return len(n.Pods(t, run)) == 0, nil })
	if err != nil {
		t.Fatalf("TaskRun %q has ended, but its unscheduled pod still exists: %v", run.Name, err)
	}
}

// makeRoom sets the label that the pods select on the node, until the end of the test.
func makeRoom(t *testing.T, n *suite.Namespace) {
	t.Helper()
	nodes, err := n.Kube.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil || len(nodes.Items) == 0 {
		t.Fatalf("cannot find a node: %v", err)
	}
	label := func(ctx context.Context, value *string) error {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{room: value}}})
		if err != nil {
			return err
		}
		_, err = n.Kube.CoreV1().Nodes().Patch(ctx, nodes.Items[0].Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
		return err
	}
	if err := label(t.Context(), &n.Name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := label(context.Background(), nil); err != nil { // the test's context has ended
			t.Error(err)
		}
	})
}

// meshContainer is the name of the container that a service mesh adds to pods.
const meshContainer = "mesh"

// TestInjectedSidecarIsStopped: a webhook adds a container to the pod that never ends. The container must
// neither delay the end of the run nor continue after it.
func TestInjectedSidecarIsStopped(t *testing.T) {
	bothWays(t, named{
		"the steps succeed": func(t *testing.T, n *suite.Namespace) {
			inject(t, n)
			run := n.Start(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{
				kube.Script("first", "true"), kube.Script("write", "printf x > $(results.digest.path)"),
			}}})
			fails := n.Task(t, v1.TaskSpec{Results: oneResult(), Steps: []v1.Step{kube.Script("fail", "printf x > $(results.digest.path); exit 3")}})
			n.Finish(t, run)
			suite.WantSucceeded(t, run.Status.Condition())
			if got := kube.Values(run)["digest"].String; got != "x" {
				t.Errorf("the result is %q", got)
			}
			wantInjectedEnd(t, n, run)
			suite.WantFailed(t, fails.Status.Condition(), v1.TaskRunReasonFailed, "fail", "3")
			if got := kube.Values(fails)["digest"].String; got != "x" {
				t.Errorf("the result of the step that failed is %q", got)
			}
			wantInjectedEnd(t, n, fails)
		},
	})
}

// wantInjectedEnd waits until the pod of a run, which has the container of the mesh, has ended.
func wantInjectedEnd(t *testing.T, n *suite.Namespace, run *v1.TaskRun) {
	t.Helper()
	pod := n.AwaitPodEnd(t, run)
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name == meshContainer {
			return
		}
	}
	t.Errorf("pod %q has no container %q: %v", pod.Name, meshContainer, suite.Containers(pod))
}

// inject adds a container to each pod that is created in the namespace after this call, as a mesh does. Each change is made to the
// container first.
func inject(t *testing.T, n *suite.Namespace, changes ...func(*corev1.Container)) {
	t.Helper()
	container := injection.Endless(meshContainer)
	for _, change := range changes {
		change(&container)
	}
	injectWith(t, n, func(address string) (*injection.Injector, error) { return injection.Start(address, container) })
}

// injectWith makes the webhook that start serves at an address add a container to the pods of a namespace, until the end of the test.
func injectWith(t *testing.T, n *suite.Namespace, start func(address string) (*injection.Injector, error)) {
	t.Helper()
	address, err := machine.Address()
	if err != nil {
		t.Fatal(err)
	}
	injector, err := start(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(injector.Close)
	configuration := injector.Configuration(n.Name)
	if err := n.Client.Create(t.Context(), configuration); err != nil {
		t.Fatalf("cannot create %T: %v", configuration, err)
	}
	t.Cleanup(func() {
		if err := client.IgnoreNotFound(n.Client.Delete(context.Background(), configuration)); err != nil { // the test's context has ended
			t.Error(err)
		}
	})
	awaitInjection(t, n)
}

// awaitInjection waits until the webhook is in effect, which is shortly after its creation.
func awaitInjection(t *testing.T, n *suite.Namespace) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "probe", Image: kube.StepImage}}}}
		pod.Namespace, pod.GenerateName = n.Name, "probe-"
		err := n.Client.Create(ctx, pod, client.DryRunAll)
		return err == nil && len(pod.Spec.Containers)+len(pod.Spec.InitContainers) == 2, err
	})
	if err != nil {
		t.Fatalf("no container is added to pods: %v", err)
	}
}

//go:build fault

package fault

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestContainerFaults breaks one container of a run's pod. Each run ends within seconds with a message, and keeps the results
// that its sidecar still reported.
func TestContainerFaults(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	cases := map[string]func(*testing.T, *suite.Namespace){
		"the last step's entrypoint is killed":             lastEntrypointKilled,
		"an earlier step's entrypoint is killed":           earlierEntrypointKilled,
		"the results sidecar is killed while steps run":    sidecarKilled,
		"the results sidecar is killed while it sends":     senderKilled,
		"a step uses more memory than it may":              outOfMemory,
		"a sidecar's image cannot be pulled":               userSidecarUnpullable,
		"the pod is deleted right after completion":        deletedAfterCompletion,
		"the pod is deleted while a step runs":             deletedWhileRunning,
		"the pod is deleted at once while a step runs":     deletedAtOnce,
		"the pod is evicted through the API":               evictedThroughAPI,
		"the pod is evicted through the API after the end": evictedAfterTheEnd,
		"the pod is evicted while a step runs":             evictedWhileRunning,
		"the node loses the pod's sandbox before a step":   sandboxLost,
	}
	t.Run("all", func(t *testing.T) {
		for name, test := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, n)
			})
		}
	})
}

// holdSmall holds a small run.
func holdSmall(t *testing.T, n *suite.Namespace) (*held, given) {
	t.Helper()
	task, want := small()
	return hold(t, n, v1.TaskRunSpec{TaskSpec: &task}), want
}

func lastEntrypointKilled(t *testing.T, n *suite.Namespace) {
	run, want := holdSmall(t, n)
	send(t, find(t, n, run.TaskRun, "step-"+gate, first), unix.SIGKILL)
	endsWithin(t, n, run.TaskRun, knowledge)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, gate)
	wantAll(t, run.TaskRun, want)
}

func earlierEntrypointKilled(t *testing.T, n *suite.Namespace) {
	task, want := small()
	task.Steps = append([]v1.Step{kube.Script("before", "kill -STOP $$")}, task.Steps...)
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	n.Await(t, run, func(run *v1.TaskRun) bool {
		c := run.Status.Condition()
		return run.Status.Done() || c != nil && c.Reason == v1.TaskRunReasonRunning
	})
	find(t, n, run, "step-before", func(p machine.Process) bool { return p.State == "T" })
	send(t, find(t, n, run, "step-before", first), unix.SIGKILL)
	endsWithin(t, n, run, knowledge)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, "before")
	wantKept(t, run, want)
	if len(run.Status.Results) != 0 {
		t.Errorf("steps after one that was lost have run: %d results", len(run.Status.Results))
	}
}

func sidecarKilled(t *testing.T, n *suite.Namespace) {
	run, want := holdSmall(t, n)
	send(t, find(t, n, run.TaskRun, sidecar, first), unix.SIGKILL)
	endsWithin(t, n, run.TaskRun, knowledge) // although a step would continue forever
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultsUnavailable)
	wantKept(t, run.TaskRun, want)
}

func senderKilled(t *testing.T, n *suite.Namespace) {
	spec, want := bulk(t, n, belowRotation)
	run, sender := halfway(t, n, spec, 300000)
	send(t, sender, unix.SIGKILL)
	endsWithin(t, n, run, knowledge)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultsUnavailable)
	wantKept(t, run, want)
}

func outOfMemory(t *testing.T, n *suite.Namespace) {
	task, want := small()
	greedy := kube.Script("greedy", `awk 'BEGIN { s = "0123456789"; while (1) { s = s "" s } }'`)
	greedy.ComputeResources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("48Mi")}
	task.Steps = append(task.Steps, greedy)
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	endsWithin(t, n, run, suite.Patience)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonStepOOM, "greedy")
	wantAll(t, run, want)
}

func userSidecarUnpullable(t *testing.T, n *suite.Namespace) {
	task, want := small()
	task.Sidecars = []v1.Sidecar{{Name: "strange", Image: "localhost:1/no-such-image:1"}}
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	endsWithin(t, n, run, suite.Patience)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonImagePullFailed, "strange", "localhost:1/no-such-image:1")
	wantKept(t, run, want)
}

func deletedAfterCompletion(t *testing.T, n *suite.Namespace) {
	run, want := holdSmall(t, n)
	entrypoint := find(t, n, run.TaskRun, "step-"+gate, first)
	run.letGo(t)
	awaitEnd(t, entrypoint)
	removePod(t, n, run.TaskRun, 0)
	endsWithin(t, n, run.TaskRun, knowledge)
	wantWholeOr(t, run.TaskRun, want, v1.TaskRunReasonPodDeleted, v1.TaskRunReasonResultsUnavailable)
}

func deletedWhileRunning(t *testing.T, n *suite.Namespace) {
	run, want := holdSmall(t, n)
	removePod(t, n, run.TaskRun, 2)
	endsWithin(t, n, run.TaskRun, knowledge)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonPodDeleted)
	wantKept(t, run.TaskRun, want)
}

func deletedAtOnce(t *testing.T, n *suite.Namespace) {
	run, want := holdSmall(t, n)
	removePod(t, n, run.TaskRun, 0)
	endsWithin(t, n, run.TaskRun, knowledge)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonPodDeleted, run.Status.PodName)
	wantKept(t, run.TaskRun, want)
}

func evictedThroughAPI(t *testing.T, n *suite.Namespace) {
	run, want := holdSmall(t, n)
	evict(t, n, run.TaskRun)
	endsWithin(t, n, run.TaskRun, knowledge)
	wantWholeOr(t, run.TaskRun, want, v1.TaskRunReasonPodEvicted, v1.TaskRunReasonPodDeleted)
	if run.Status.Condition().Status == metav1.ConditionTrue {
		t.Error("a run whose last step never ended is green")
	}
}

// evictedWhileRunning has a step that ends when it is asked to, so that the stream reports how it ended.
func evictedWhileRunning(t *testing.T, n *suite.Namespace) {
	task, want := small()
	task.Steps = append(task.Steps, kube.Script("waits", "sleep 600"))
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	n.Await(t, run, func(run *v1.TaskRun) bool {
		c := run.Status.Condition()
		return run.Status.Done() || c != nil && c.Reason == v1.TaskRunReasonRunning
	})
	find(t, n, run, "step-waits", func(p machine.Process) bool { return !p.First() })
	evict(t, n, run)
	endsWithin(t, n, run, knowledge)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonPodEvicted, "waits")
	wantAll(t, run, want)
}

func evictedAfterTheEnd(t *testing.T, n *suite.Namespace) {
	run, want := holdSmall(t, n)
	run.letGo(t)
	endsWithin(t, n, run.TaskRun, knowledge)
	wantWhole(t, run.TaskRun, want)
	evict(t, n, run.TaskRun)
	awaitNoPod(t, n, run.TaskRun)
}

// sandboxLost has a sidecar that never becomes ready, so that no step starts, and ends the sandbox of its pod, as a restart of the node
// does. The kubelet creates no other one for a pod whose containers are not restarted.
func sandboxLost(t *testing.T, n *suite.Namespace) {
	task, _ := small()
	never := &corev1.Probe{FailureThreshold: 1000, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"false"}}}}
	task.Sidecars = []v1.Sidecar{{Name: "slow", Image: kube.StepImage, Script: "sleep 600", StartupProbe: never}}
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	n.Await(t, run, func(run *v1.TaskRun) bool { return run.Status.PodName != "" })
	slow := find(t, n, run, "sidecar-slow", first)
	p := n.AwaitPod(t, run, func(*corev1.Pod) bool { return true })
	killed := 0
	for _, process := range machine.ProcessesOf("pod://pod" + string(p.UID)) {
		if process.First() && process.PID != slow.PID {
			send(t, process, unix.SIGKILL)
			killed++
		}
	}
	if killed != 1 {
		t.Fatalf("want the first process of one sandbox, got %d", killed)
	}
	endsWithin(t, n, run, 2*suite.Patience)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, "has lost the sandbox of pod")
}

// evict evicts the pod, as `kubectl drain` does.
func evict(t *testing.T, n *suite.Namespace, run *v1.TaskRun) {
	t.Helper()
	if err := n.Cluster.Evict(t.Context(), n.Name, run.Status.PodName, 2); err != nil {
		t.Fatal(err)
	}
}

// wantAll fails the test for each result that is missing in the run.
func wantAll(t *testing.T, run *v1.TaskRun, want given) {
	t.Helper()
	values := kube.Values(run)
	for name := range want {
		if _, there := values[name]; !there {
			t.Errorf("result %q was written before the fault, and is not kept", name)
		}
	}
	wantKept(t, run, want)
}

// awaitEnd waits until a process has ended.
func awaitEnd(t *testing.T, p machine.Process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := kube.Poll(ctx, func(context.Context) (bool, error) { return p.Gone(), nil }); err != nil {
		t.Fatalf("process %d did not end: %v", p.PID, err)
	}
}

// TestResultsImageUnpullable configures an image of the results sidecar that cannot be pulled.
func TestResultsImageUnpullable(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	const nowhere = "localhost:1/no-such-inpod:1"
	reconfigure(t, n, func(pod *corev1.PodSpec) {
		args := pod.Containers[0].Args
		for i := range args[1:] {
			if args[i] == "--inpod-image" {
				args[i+1] = nowhere
			}
		}
	})
	task, want := small()
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	endsWithin(t, n, run, knowledge+slack)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonImagePullFailed, nowhere)
	wantKept(t, run, want)
}

// reconfigure changes the controller's pods for the time of one test.
func reconfigure(t *testing.T, n *suite.Namespace, edit func(*corev1.PodSpec)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	restore, err := n.ChangeController(ctx, edit)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
		defer cancel()
		if err := restore(ctx); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEvicted makes the kubelet evict a run's pod: the test changes the threshold at which the node counts as out of memory.
func TestEvicted(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	run, want := holdSmall(t, n)
	mendLater(t, n.Cluster, "kubelet")
	path := filepath.Join(localkube(t).Directory, "config", "kubelet.yaml")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0o644); err != nil {
			t.Error(err)
		}
		if err := localkube(t).Inflict(context.Background(), machine.Stop, machine.Kubelet); err != nil { // mendLater starts it
			t.Error(err)
		}
	})
	tight := strings.NewReplacer(
		`memory.available: "0%"`, `memory.available: "99%"`,
		"localStorageCapacityIsolation: false", "localStorageCapacityIsolation: true", // without this setting nothing is evicted
	).Replace(string(before))
	if err := os.WriteFile(path, []byte(tight), 0o644); err != nil {
		t.Fatal(err)
	}
	inflict(t, "restart", "kubelet")
	endsWithin(t, n, run.TaskRun, 2*knowledge)
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonPodEvicted, "node")
	wantKept(t, run.TaskRun, want)
}

// outOfService is the taint by which an administrator declares that a node will not come back, so that its pods are deleted.
const outOfService = "node.kubernetes.io/out-of-service"

// TestNodeLost stops the node's kubelet permanently while a run is in progress. The run's processes continue, but the API
// server gets no reports about them.
func TestNodeLost(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	run, want := holdSmall(t, n)
	mendLater(t, n.Cluster, "kubelet")
	inflict(t, "stop", "kubelet")
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := n.AwaitNode(ctx, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { giveUpNode(t, n, false) })
	giveUpNode(t, n, true)
	endsWithin(t, n, run.TaskRun, 2*knowledge)
	wantWholeOr(t, run.TaskRun, want, v1.TaskRunReasonPodDeleted, v1.TaskRunReasonPodEvicted)
	if run.Status.Condition().Status == metav1.ConditionTrue {
		t.Error("a run whose last step never ended is green")
	}
}

// giveUpNode sets or removes the out-of-service taint on the only node.
func giveUpNode(t *testing.T, n *suite.Namespace, gone bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		nodes, err := n.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		node := nodes.Items[0]
		node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return taint.Key == outOfService })
		if gone {
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: outOfService, Value: "nodeshutdown", Effect: corev1.TaintEffectNoExecute})
		}
		_, err = n.Kube.CoreV1().Nodes().Update(ctx, &node, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		t.Errorf("cannot change the taints of the node: %v", err)
	}
}

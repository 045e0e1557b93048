//go:build e2e

package nodes

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// The nodes of the cluster. The first has the control plane and, in these tests, the controller. The second is broken.
const (
	firstNode  = "localkube"
	brokenNode = "localkube-2"
	thirdNode  = "localkube-3"
)

const (
	// largest is max-result-size in these tests.
	largest = 1000000
	// parallel is 1, because a test may break a node that the pods of all tests use.
	parallel = 1
	// outage bounds the wait for the end of a run whose node was lost: the node must be found to be lost, its pods deleted, and a
	// retry may run.
	outage = 3 * time.Minute
	// gate is the step that holds a run.
	gate = "gate"
)

func TestMain(m *testing.M) { os.Exit(pinned(m)) }

// pinned runs the tests with the controller on the first node, where no test interrupts it.
func pinned(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	c, err := kube.Connect()
	if err != nil {
		return report(err)
	}
	restore, err := c.ChangeController(ctx, func(pod *corev1.PodSpec) { pod.NodeSelector = on(firstNode) })
	if err != nil {
		return report(err)
	}
	code := suite.Main(m, parallel)
	ctx, cancel = context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	if err := restore(ctx); err != nil {
		return report(err)
	}
	return code
}

func report(err error) int {
	fmt.Fprintln(os.Stderr, "error:", err)
	return 1
}

// on selects the node of that name.
func on(node string) map[string]string { return map[string]string{corev1.LabelHostname: node} }

// localkube is the cluster under test.
func localkube(t *testing.T) machine.Localkube {
	t.Helper()
	dir := os.Getenv("LOCALKUBE_DIR")
	if dir == "" {
		t.Fatal("LOCALKUBE_DIR is not set: these tests break nodes of a localkube cluster; make test-nodes starts one")
	}
	return machine.Localkube{Directory: dir, Program: cmp.Or(os.Getenv("LOCALKUBE"), "../../../bin/localkube")}
}

// inflict applies a fault or a repair to the node that is broken.
func inflict(t *testing.T, fault string) {
	t.Helper()
	if err := localkube(t).InflictNode(t.Context(), fault, brokenNode); err != nil {
		t.Fatal(err)
	}
}

// mendLater ensures that, when the test ends in any way, the node runs, is connected and accepts pods.
func mendLater(t *testing.T, n *suite.Namespace) {
	t.Helper()
	l := localkube(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), outage)
		defer cancel()
		err := n.TaintNode(ctx, brokenNode, corev1.TaintNodeOutOfService, false)
		for _, repair := range []string{machine.Start, machine.Heal, machine.Uncordon} {
			if err == nil {
				err = l.InflictNode(ctx, repair, brokenNode)
			}
		}
		if err == nil {
			err = n.AwaitNodeNamed(ctx, brokenNode, true)
		}
		if err != nil {
			t.Errorf("cannot repair node %q: %v", brokenNode, err)
		}
	})
}

// held is a pod with a step that has stopped itself.
type held struct {
	pod   corev1.Pod
	shell machine.Process
}

// holding is the text of a script that stops itself until a test lets it go.
const holding = "kill -STOP $$\n"

// awaitHeld waits until that many pods with the label are held in the step gate.
func awaitHeld(t *testing.T, n *suite.Namespace, label, value string, count int) []held {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	var all []held
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		pods, err := n.Kube.CoreV1().Pods(n.Name).List(ctx, metav1.ListOptions{LabelSelector: label + "=" + value})
		if err != nil {
			return false, err
		}
		all = all[:0]
		for _, pod := range pods.Items {
			if shell, ok := stopped(&pod); ok {
				all = append(all, held{pod: pod, shell: shell})
			}
		}
		return len(all) == count, nil
	})
	if err != nil {
		t.Fatalf("%d pods of %q are held, want %d: %v", len(all), value, count, err)
	}
	return all
}

// stopped returns the process of a pod's step gate that has stopped itself.
func stopped(pod *corev1.Pod) (machine.Process, bool) {
	for _, s := range pod.Status.ContainerStatuses {
		if s.Name != "step-"+gate {
			continue
		}
		for _, p := range machine.ProcessesOf(s.ContainerID) {
			if p.State == "T" {
				return p, true
			}
		}
	}
	return machine.Process{}, false
}

// letGo lets the held steps end.
func letGo(t *testing.T, all []held) {
	t.Helper()
	for _, h := range all {
		if err := h.shell.Signal(unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// nodesOf returns the nodes of the pods, sorted, each once.
func nodesOf(all []held) []string {
	var nodes []string
	for _, h := range all {
		nodes = append(nodes, h.pod.Spec.NodeName)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

// endsWithin waits until a run has ended, longer than other tests: its node may be lost.
func endsWithin(t *testing.T, n *suite.Namespace, run *v1.TaskRun, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	err := kube.Await(ctx, n.Client, run, &v1.TaskRunList{}, func(run *v1.TaskRun) bool { return run.Status.Done() })
	if err != nil {
		t.Fatalf("TaskRun %q does not end: %v: %s", run.Name, err, kube.Describe(run.Status.Condition()))
	}
}

//go:build e2e

package nodes

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	writeResult = "printf 'all of it' > $(results.r.path)\n"
	result      = "all of it"
)

// placed returns a run with a result, whose pod is on the node that will be broken.
func placed(steps ...v1.Step) v1.TaskRunSpec {
	return v1.TaskRunSpec{
		PodTemplate: &v1.PodTemplate{NodeSelector: on(brokenNode)},
		TaskSpec:    &v1.TaskSpec{Results: []v1.TaskResult{kube.Result("r", v1.TypeString)}, Steps: steps},
	}
}

// phases are runs in each phase at the moment of an outage of their node.
type phases struct {
	// ended has succeeded.
	ended *v1.TaskRun
	// writing has a step that runs and has not written the result.
	writing *v1.TaskRun
	// written has a step that runs after the one that has written the result.
	written *v1.TaskRun
	// retried has a retry, and prefers the node that is broken, but may run elsewhere.
	retried *v1.TaskRun
}

// startPhases starts a run for each phase, and returns when each has reached it.
func startPhases(t *testing.T, n *suite.Namespace) phases {
	t.Helper()
	retried := placed(kube.Script(gate, "[ $(context.task.retry-count) = 1 ] || "+holding+writeResult))
	retried.Retries = 1
	retried.PodTemplate = &v1.PodTemplate{Affinity: preferBroken()}
	p := phases{
		ended:   n.Run(t, placed(kube.Script("write", writeResult))),
		writing: n.Start(t, placed(kube.Script(gate, holding+writeResult))),
		written: n.Start(t, placed(kube.Script("write", writeResult), kube.Script(gate, holding))),
		retried: n.Start(t, retried),
	}
	suite.WantSucceeded(t, p.ended.Status.Condition())
	for _, run := range []*v1.TaskRun{p.writing, p.written, p.retried} {
		pods := awaitHeld(t, n, v1.LabelTaskRun, run.Name, 1)
		if nodes := nodesOf(pods); !slices.Equal(nodes, []string{brokenNode}) {
			t.Fatalf("the pod of TaskRun %q is on %q, want %q", run.Name, nodes, brokenNode)
		}
	}
	return p
}

func preferBroken() *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
			Weight: 100,
			Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{brokenNode},
			}}},
		}},
	}}
}

// check waits for the end of all runs and compares their outcomes. The node is not available any more.
func (p phases) check(t *testing.T, n *suite.Namespace) {
	t.Helper()
	wantWhole(t, reread(t, n, p.ended))
	for name, run := range map[string]*v1.TaskRun{"writing": p.writing, "written": p.written} {
		endsWithin(t, n, run, outage)
		c := run.Status.Condition()
		known := []string{v1.TaskRunReasonPodEvicted, v1.TaskRunReasonPodDeleted, v1.TaskRunReasonResultsUnavailable}
		if c.Status != metav1.ConditionFalse || !slices.Contains(known, c.Reason) || c.Message == "" {
			t.Errorf("the run %q, whose last step never ended, has %s; want a failure with one of %q", name, kube.Describe(c), known)
		}
		if value, ok := kube.Values(run)["r"]; ok && value.String != result {
			t.Errorf("the run %q has kept the result %q, want all of it or none", name, value.String)
		}
	}
	endsWithin(t, n, p.retried, outage)
	suite.WantSucceeded(t, p.retried.Status.Condition())
	wantWhole(t, p.retried)
	if len(p.retried.Status.RetriesStatus) != 1 {
		t.Errorf("the run has %d attempts before the last one, want 1", len(p.retried.Status.RetriesStatus))
	}
	if node := n.Pod(t, p.retried).Spec.NodeName; node == brokenNode {
		t.Errorf("the retry is on node %q, which takes no pods", node)
	}
}

// wantWhole fails the test unless the run is green with its result.
func wantWhole(t *testing.T, run *v1.TaskRun) {
	t.Helper()
	suite.WantSucceeded(t, run.Status.Condition())
	if got := kube.Values(run)["r"].String; got != result {
		t.Errorf("the result is %q, want %q", got, result)
	}
}

func reread(t *testing.T, n *suite.Namespace, run *v1.TaskRun) *v1.TaskRun {
	t.Helper()
	if err := n.Client.Get(t.Context(), client.ObjectKeyFromObject(run), run); err != nil {
		t.Fatal(err)
	}
	return run
}

// TestNodeIsLost cuts the power of a node with runs in every phase. An administrator then reports that the node is out of service, so
// that its pods are deleted.
func TestNodeIsLost(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	mendLater(t, n)
	p := startPhases(t, n)
	inflict(t, machine.Stop)
	awaitNode(t, n, false)
	if err := n.TaintNode(t.Context(), brokenNode, corev1.TaintNodeOutOfService, true); err != nil {
		t.Fatal(err)
	}
	p.check(t, n)
}

// TestNodeIsDrained evicts the pods of a node with runs in every phase.
func TestNodeIsDrained(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	mendLater(t, n)
	p := startPhases(t, n)
	inflict(t, machine.Drain)
	p.check(t, n)
}

// TestNodeIsSeparated separates a node from the control plane while a run ends on it, for longer than the node counts as ready. The
// log is on the node, so the run is whole when the node is back.
func TestNodeIsSeparated(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	mendLater(t, n)
	run := n.Start(t, placed(kube.Script("write", writeResult), kube.Script(gate, holding)))
	pods := awaitHeld(t, n, v1.LabelTaskRun, run.Name, 1)
	inflict(t, machine.Partition)
	letGo(t, pods)
	awaitNode(t, n, false)
	if reread(t, n, run).Status.Done() {
		t.Errorf("the run has ended without news from its node: %s", kube.Describe(run.Status.Condition()))
	}
	inflict(t, machine.Heal)
	awaitNode(t, n, true)
	endsWithin(t, n, run, outage)
	wantWhole(t, run)
}

func awaitNode(t *testing.T, n *suite.Namespace, ready bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := n.AwaitNodeNamed(ctx, brokenNode, ready); err != nil {
		t.Fatal(err)
	}
}

func inNamespace(n *suite.Namespace) client.InNamespace { return client.InNamespace(n.Name) }

func ofPipelineRun(run *v1.PipelineRun) client.MatchingLabels {
	return client.MatchingLabels{v1.LabelPipelineRun: run.Name}
}

//go:build fault

package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// takeover is the maximum time until another controller leads: the lease of a killed controller lasts 15 s.
const takeover = 20 * time.Second

// TestControllerKilledAtRandomMoments kills the controller while runs are in progress, at different times of their lives. The
// pods are not affected, so that every run must be whole in the end.
func TestControllerKilledAtRandomMoments(t *testing.T) {
	const runs = 5
	random := seeded(t)
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	spec, want := bulk(t, n, belowRotation)
	// The time of one run alone, and of as many runs at once. Before the first time, all runs are in progress when the
	// controller is killed. Before the second, some are about to end.
	for _, life := range []time.Duration{undisturbed(t, n, spec, want, 1), undisturbed(t, n, spec, want, runs)} {
		ages := make([]time.Duration, runs)
		for i := range ages {
			ages[i] = time.Duration(random.Int64N(int64(life)))
		}
		under := startAll(t, n, spec, ages)
		before := kill(t, n)
		t.Logf("killed the controller when the runs were %s", where(t, n, under, ages))
		for _, run := range under {
			endsWithin(t, n, run, takeover+deadline+slack)
			wantWhole(t, run, want)
		}
		replace(t, n, before)
	}
}

// undisturbed returns the time that n runs take at once.
func undisturbed(t *testing.T, n *suite.Namespace, spec v1.TaskRunSpec, want given, runs int) time.Duration {
	t.Helper()
	began := time.Now()
	for _, run := range startAll(t, n, spec, make([]time.Duration, runs)) {
		n.Finish(t, run)
		wantWhole(t, run, want)
	}
	return time.Since(began)
}

// startAll starts runs, the oldest first, so that they have the given ages when it returns.
func startAll(t *testing.T, n *suite.Namespace, spec v1.TaskRunSpec, ages []time.Duration) []*v1.TaskRun {
	t.Helper()
	slices.Sort(ages)
	slices.Reverse(ages)
	now := time.Now().Add(ages[0])
	runs := make([]*v1.TaskRun, len(ages))
	for i, age := range ages {
		<-time.After(time.Until(now.Add(-age)))
		runs[i] = n.Start(t, spec)
	}
	<-time.After(time.Until(now))
	return runs
}

// where describes the ages of runs, and their progress.
func where(t *testing.T, n *suite.Namespace, runs []*v1.TaskRun, ages []time.Duration) string {
	t.Helper()
	said := make([]string, len(runs))
	for i, run := range runs {
		now := &v1.TaskRun{}
		if err := n.Client.Get(t.Context(), client.ObjectKeyFromObject(run), now); err != nil {
			t.Fatal(err)
		}
		reason := "new"
		if c := now.Status.Condition(); c != nil {
			reason = c.Reason
		}
		said[i] = fmt.Sprintf("%d ms old and %s", ages[i].Milliseconds(), reason)
	}
	return strings.Join(said, ", ")
}

// seeded returns a source of random numbers, and prints its seed.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("FAULT_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("cannot use FAULT_SEED: %v", err)
		}
	}
	t.Logf("FAULT_SEED=%d repeats the moments of this test", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestTwoControllers runs two controllers, and the leading one fails.
func TestTwoControllers(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	scale(t, n, 2)
	t.Cleanup(func() { scale(t, n, 1) })

	t.Run("the leader is killed", func(t *testing.T) {
		run, want := holdSmall(t, n)
		before := kill(t, n)
		run.letGo(t)
		endsWithin(t, n, run.TaskRun, takeover+deadline+slack)
		wantWhole(t, run.TaskRun, want)
		awaitOtherLeader(t, n, before)
	})
	t.Run("the leader is frozen and comes back", func(t *testing.T) {
		run, want := holdSmall(t, n)
		frozen, before := leading(t, n)
		send(t, frozen, unix.SIGSTOP)
		t.Cleanup(func() { _ = frozen.Signal(unix.SIGCONT) })
		awaitOtherLeader(t, n, before)
		run.letGo(t)
		endsWithin(t, n, run.TaskRun, deadline+slack)
		wantWhole(t, run.TaskRun, want)
		// The frozen controller believes that it leads, and finds out only now that it lost the lease.
		resume(t, frozen)
		awaitEnd(t, frozen)
		mustStand(t, n)
	})
}

// TestOutcomeStands applies all faults to runs that have ended. Their outcomes must not change.
func TestOutcomeStands(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	mendLater(t, n.Cluster, "kubelet")
	kept, deleted, evicted := endedRun(t, n, ""), endedRun(t, n, ""), endedRun(t, n, "")
	failed := endedRun(t, n, "exit 3")
	suite.WantFailed(t, failed.Status.Condition(), v1.TaskRunReasonFailed, "3")
	removePod(t, n, deleted, 0)
	removePod(t, n, failed, 0)
	evict(t, n, evicted)
	inflict(t, "restart", "kubelet")
	before := kill(t, n)
	awaitOtherLeader(t, n, before)
	for _, run := range []*v1.TaskRun{deleted, failed, evicted} {
		awaitNoPod(t, n, run)
	}
	if pods := n.Pods(t, kept); len(pods) != 1 {
		t.Errorf("the pod of a run that has ended has to stay: there are %d", len(pods))
	}
	// The new leader has processed all of that when it has completed another run.
	endedRun(t, n, "")
	mustStand(t, n)
	replace(t, n, before)
}

// endedRun returns a run that has ended, with one more step.
func endedRun(t *testing.T, n *suite.Namespace, last string) *v1.TaskRun {
	t.Helper()
	task, want := small()
	task.Steps = append(task.Steps, kube.Script("last", last))
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	endsWithin(t, n, run, suite.Patience)
	wantAll(t, run, want)
	return run
}

// mustStand fails the test if the outcome of a run has changed.
func mustStand(t *testing.T, n *suite.Namespace) {
	t.Helper()
	if err := outcomes.stand(t.Context(), n.Cluster); err != nil {
		t.Error(err)
	}
}

// leading returns the first process of the leading pod, and its identity in the lease.
func leading(t *testing.T, n *suite.Namespace) (machine.Process, string) {
	t.Helper()
	pod, identity, err := n.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, there := machine.FirstOf(containerID(pod, pod.Spec.Containers[0].Name))
	if !there {
		t.Fatalf("pod %q, which leads, has no process", pod.Name)
	}
	return p, identity
}

// kill kills the leading controller, and returns its identity.
func kill(t *testing.T, n *suite.Namespace) string {
	t.Helper()
	p, identity := leading(t, n)
	send(t, p, unix.SIGKILL)
	return identity
}

// awaitOtherLeader waits until another controller leads.
func awaitOtherLeader(t *testing.T, n *suite.Namespace, before string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := n.AwaitOtherLeader(ctx, before); err != nil {
		t.Fatal(err)
	}
}

// replace replaces the controller's pods with new ones, because the kubelet delays each restart of a killed container longer
// than the previous one.
func replace(t *testing.T, n *suite.Namespace, before string) {
	t.Helper()
	awaitOtherLeader(t, n, before)
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := n.ReplaceController(ctx); err != nil {
		t.Fatal(err)
	}
}

// scale sets the number of controllers.
func scale(t *testing.T, n *suite.Namespace, replicas int32) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	if err := n.ScaleController(ctx, replicas); err != nil {
		t.Error(err)
	}
}

//go:build fault

package fault

import (
	"testing"
	"time"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// away is the time for which a kubelet is stopped.
const away = 20 * time.Second

// TestKubeletAwayAtCompletion stops the kubelet when the last step ends, and starts it later. In between, the log cannot be
// read, and the API server does not know that the containers have ended.
func TestKubeletAwayAtCompletion(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	mendLater(t, n.Cluster, "kubelet")
	for name, fault := range map[string]struct{ away, back string }{
		"killed":            {away: "stop", back: "start"},
		"there, but silent": {away: "pause", back: "resume"},
	} {
		t.Run(name, func(t *testing.T) {
			task, want := small()
			run := hold(t, n, v1.TaskRunSpec{TaskSpec: &task})
			back := time.After(away)
			inflict(t, fault.away, "kubelet")
			run.letGo(t)
			<-back
			inflict(t, fault.back, "kubelet")
			endsWithin(t, n, run.TaskRun, deadline+slack)
			wantWhole(t, run.TaskRun, want)
		})
	}
}

// TestStreamCutInTheMiddle cuts the connections that transport results when half of the results have arrived. The log still
// exists, so all results must arrive in the end. The container runtime writes the log: data that it has read from the sidecar
// and not yet written is lost with it. Then the log lacks a part of a line permanently.
func TestStreamCutInTheMiddle(t *testing.T) {
	for component, lost := range map[string][]string{
		"kube-apiserver": nil, "etcd": nil, "kubelet": nil, "containerd": {v1.TaskRunReasonResultsUnavailable},
	} {
		t.Run(component, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, kube.SidecarLogs, largest)
			mendLater(t, n.Cluster, component)
			spec, want := bulk(t, n, belowRotation)
			run, sender := halfway(t, n, spec, 300000)
			inflict(t, "restart", component)
			resume(t, sender)
			endsWithin(t, n, run, deadline+slack)
			if lost == nil {
				wantWhole(t, run, want)
			} else {
				wantWholeOr(t, run, want, lost...)
			}
		})
	}
}

// TestLogRotation makes the kubelet rotate the log in the middle of a stream of results. A reader that follows the log gets
// the whole stream. A later reader gets only the new file, which must never look complete.
func TestLogRotation(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	mendLater(t, n.Cluster, "kube-apiserver")
	t.Run("while it is followed", func(t *testing.T) {
		spec, want := bulk(t, n, aboveRotation)
		run, sender := halfway(t, n, spec, logSize)
		awaitRotation(t, n, run)
		resume(t, sender)
		endsWithin(t, n, run, deadline+slack)
		wantWholeOr(t, run, want, v1.TaskRunReasonResultsUnavailable)
	})
	t.Run("before it is read", func(t *testing.T) {
		spec, want := bulk(t, n, aboveRotation)
		run, sender := halfway(t, n, spec, logSize)
		awaitRotation(t, n, run)
		inflict(t, "restart", "kube-apiserver")
		resume(t, sender)
		endsWithin(t, n, run, deadline+slack)
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultsUnavailable)
		wantKept(t, run, want)
	})
}

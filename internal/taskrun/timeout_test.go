package taskrun

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/results/collect"
)

// TestTimeoutSaysWhatWasAwaited: who reads that a run timed out reads what it was waiting for.
func TestTimeoutSaysWhatWasAwaited(t *testing.T) {
	over := terminated(0, record(0))
	sidecar := runPod(corev1.PodPending, waiting("PodInitializing"), waiting("PodInitializing"))
	for i := range sidecar.Status.ContainerStatuses {
		sidecar.Status.ContainerStatuses[i].State.Waiting.Message = ""
	}
	sidecar.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "sidecar-db", State: running()}}
	creating := runPod(corev1.PodPending, waiting("ContainerCreating"), waiting("ContainerCreating"))
	for i := range creating.Status.ContainerStatuses {
		creating.Status.ContainerStatuses[i].State.Waiting.Message = ""
	}
	cases := map[string]struct {
		reason string
		obs    Observation
		want   string
	}{
		"CreateError": {"the kubelet's words", observation(withPod(runPod(corev1.PodRunning, running(), waiting("CreateContainerError")))), `container "step-two": CreateContainerError: because`},
		"Unscheduled": {"the scheduler's words", observation(withPod(unscheduledPod("0/1 nodes are available: 1 Insufficient cpu."))), "the pod cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu."},
		"NoScheduler": {"no scheduler has looked at the pod", observation(withPod(runPod(corev1.PodPending))), `pod "build-pod" is not scheduled yet`},
		"Volume":      {"where to look", observation(withPod(withoutSandbox())), "kubectl describe pod build-pod -n ci"},
		"Creating":    {"the container that is being created", observation(withPod(creating)), `container "step-one" has not started yet: ContainerCreating; the kubelet may still be pulling its image "busybox:1"`},
		"Sidecar":     {"the sidecar that is not ready", observation(withPod(sidecar)), `sidecar container "sidecar-db" has not started yet`},
		"Step":        {"the step that runs", observation(withPod(runPod(corev1.PodRunning, over, running(), running()))), `container "step-two" to end`},
		"Results":     {"what is wrong with reading the results", observation(withPod(runPod(corev1.PodRunning, over, over, over)), withEvidence(collect.Progress{Err: errors.New("no connection")})), "the results to be read: no connection"},
		"Lost":        {"the step without a record", observation(withPod(runPod(corev1.PodRunning, over, terminatedAs(128, "StartError", "no shim"), running()))), `container "step-two" could not be started: no shim (StartError)`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.obs.Now = epoch().Add(time.Hour)
			tr := taskRun(started)
			got := outcomeOf(tr, stateOf(tr, tc.obs), tc.obs)
			want := "the run did not end within 1h0m0s; it was waiting for: "
			if got == nil || !strings.HasPrefix(got.Condition.Message, want) || !strings.Contains(got.Condition.Message, tc.want) || !strings.HasSuffix(got.Condition.Message, "; set spec.timeout to allow for more") {
				t.Errorf("%s: want %q, got %+v", tc.reason, want+tc.want, got)
			}
		})
	}
}

// TestTimeoutWithoutPodSaysWhatWasAwaited: what kept the pod from being made was said while the run waited, and stays.
func TestTimeoutWithoutPodSaysWhatWasAwaited(t *testing.T) {
	quota := interceptor.Funcs{Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "build-pod", errors.New("exceeded quota: small"))
	}}
	cases := map[string]struct {
		reason    string
		intercept interceptor.Funcs
		images    error
		want      string
	}{
		"Quota": {"a quota that is used up", quota, nil, "exceeded quota: small"},
		"Image": {"a registry that does not answer", interceptor.Funcs{}, &image.WaitError{Step: "spec.steps[0]", Image: "tool", Why: "registry docker.io did not answer", Tried: true}, "registry docker.io did not answer"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, []client.Object{taskRun(silent)}, tc.intercept)
			if tc.images != nil {
				w.images["tool"] = tc.images
			}
			w.pass(t)
			w.clock.SetTime(epoch().Add(time.Hour))
			tr := w.pass(t)
			if c := tr.Status.Condition(); reason(tr) != "False TaskRunTimeout" || !strings.Contains(c.Message, "it was waiting for: ") || !strings.Contains(c.Message, tc.want) {
				t.Errorf("%s: want %q, got %+v", tc.reason, tc.want, c)
			}
		})
	}
}

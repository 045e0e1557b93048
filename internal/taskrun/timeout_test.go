package taskrun

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
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
		"CreateError": {
			reason: "the kubelet's words",
			obs:    observation(withPod(runPod(corev1.PodRunning, running(), waiting("CreateContainerError")))),
			want:   `container "step-two": CreateContainerError: because`,
		},
		"Unscheduled": {
			reason: "the scheduler's words",
			obs:    observation(withPod(unscheduledPod("0/1 nodes are available: 1 Insufficient cpu."))),
			want:   "the pod cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu.",
		},
		"NoScheduler": {
			reason: "no scheduler has looked at the pod",
			obs:    observation(withPod(runPod(corev1.PodPending))),
			want:   `pod "build-pod" is not scheduled yet`,
		},
		"Volume": {
			reason: "where to look",
			obs:    observation(withPod(withoutSandbox())),
			want:   "kubectl describe pod build-pod -n ci",
		},
		"Creating": {
			reason: "the container that is being created",
			obs:    observation(withPod(creating)),
			want:   `container "step-one" has not started yet: ContainerCreating; the kubelet may still be pulling its image "busybox:1"`,
		},
		"Sidecar": {
			reason: "the sidecar that is not ready",
			obs:    observation(withPod(sidecar)),
			want:   `sidecar container "sidecar-db" has not started yet`,
		},
		"Step": {
			reason: "the step that runs",
			obs:    observation(withPod(runPod(corev1.PodRunning, over, running(), running()))),
			want:   `container "step-two" to end`,
		},
		"Results": {
			reason: "what is wrong with reading the results",
			obs: observation(withPod(runPod(corev1.PodRunning, over, over, over)),
				withEvidence(collect.Progress{Err: errors.New("no connection")})),
			want: "the results to be read: no connection",
		},
		"Lost": {
			reason: "the step without a record",
			obs:    observation(withPod(runPod(corev1.PodRunning, over, terminatedAs(128, "StartError", "no shim"), running()))),
			want:   `container "step-two" could not be started: no shim (StartError)`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.obs.Now = epoch().Add(time.Hour)
			tr := taskRun(started)
			got := outcomeOf(tr, stateOf(tr, tc.obs, Plan{}), tc.obs, Plan{})
			want := "the run did not end within 1h0m0s; it was waiting for: "
			if got == nil || !strings.HasPrefix(got.Condition.Message, want) ||
				!strings.Contains(got.Condition.Message, tc.want) ||
				!strings.HasSuffix(got.Condition.Message, "; set spec.timeout to allow for more") {
				t.Errorf("%s: want %q, got %+v", tc.reason, want+tc.want, got)
			}
		})
	}
}

// TestTimeoutWithoutPodSaysWhatWasAwaited: what kept the pod from being made was said while the run waited, and stays.
func TestTimeoutWithoutPodSaysWhatWasAwaited(t *testing.T) {
	leftover := runPod(corev1.PodRunning, running(), running())
	leftover.OwnerReferences[0].UID = "an-earlier-uid"
	cases := map[string]struct {
		reason  string
		objects []client.Object
		images  error
		want    string
	}{
		"Leftover": {
			reason:  "the pod of an earlier run of the same name",
			objects: []client.Object{leftover},
			want:    "the pod cannot be made yet",
		},
		"Image": {
			reason: "a registry that does not answer",
			images: &image.WaitError{Step: "spec.steps[0]", Image: "tool", Why: "registry docker.io did not answer", Tried: true},
			want:   "registry docker.io did not answer",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, append(tc.objects, taskRun(silent)), interceptor.Funcs{})
			if tc.images != nil {
				w.images["tool"] = tc.images
			}
			w.pass(t)
			w.clock.SetTime(epoch().Add(time.Hour))
			wantCondition(t, w.pass(t), "False TaskRunTimeout", "it was waiting for: ", tc.want)
		})
	}
}

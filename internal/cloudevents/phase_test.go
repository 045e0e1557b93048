package cloudevents

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestPhases(t *testing.T) {
	pending := v1.Running(v1.TaskRunReasonPending, "containers are starting")
	running := v1.Running(v1.TaskRunReasonRunning, "steps are running")
	held := v1.Running(v1.TaskRunReasonHeld, "held")
	one, two := v1.Running(v1.PipelineRunReasonRunning, "1 of 2"), v1.Running(v1.PipelineRunReasonRunning, "2 of 2")
	succeeded, failed := v1.Succeeded("done"), v1.Failed(v1.TaskRunReasonFailed, "no")
	again := running
	again.LastTransitionTime = metav1.Now()
	cases := map[string]struct {
		reason        string
		before, after *metav1.Condition
		want          []Phase
	}{
		"First": {
			reason: "the first status says that the run was queued, and has started",
			after:  &pending,
			want:   []Phase{Queued, Started},
		},
		"FirstRuns": {
			reason: "a run that runs at once has started, too",
			after:  &one,
			want:   []Phase{Queued, Started, Running},
		},
		"FirstFails": {
			reason: "a run that is not valid has a whole life",
			after:  &failed,
			want:   []Phase{Queued, Started, Failed},
		},
		"Held": {
			reason: "a held run has not started",
			after:  &held,
			want:   []Phase{Queued, Unknown},
		},
		"Released": {
			reason: "a held run starts later",
			before: &held,
			after:  &pending,
			want:   []Phase{Started},
		},
		"Runs": {
			reason: "the steps run",
			before: &pending,
			after:  &running,
			want:   []Phase{Running},
		},
		"Waits": {
			reason: "a reason other than Running",
			before: &running,
			after:  &pending,
			want:   []Phase{Unknown},
		},
		"Progress": {
			reason: "each message of a running pipeline is an event, as in Tekton",
			before: &one,
			after:  &two,
			want:   []Phase{Running},
		},
		"SameReport": {
			reason: "a time is no news",
			before: &running,
			after:  &again,
		},
		"Succeeds": {
			reason: "the end",
			before: &running,
			after:  &succeeded,
			want:   []Phase{Successful},
		},
		"Fails": {
			reason: "the other end",
			before: &running,
			after:  &failed,
			want:   []Phase{Failed},
		},
		"AfterTheEnd": {
			reason: "nothing follows the end",
			before: &failed,
			after:  &succeeded,
		},
		"NoCondition": {
			reason: "a status without a condition says nothing",
			before: &running,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, phases(tc.before, tc.after)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

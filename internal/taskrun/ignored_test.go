package taskrun

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestIgnoredFailures: for failures of the pod and its steps that are not retried, the reason of a failed run says that its
// pipeline continues.
func TestIgnoredFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		onError string
		retries int
		end     metav1.Condition
		want    metav1.Condition
	}{
		"Step": {
			onError: "continue",
			end:     v1.Failed(v1.TaskRunReasonFailed, "step failed"),
			want:    v1.Failed(v1.TaskRunReasonFailureIgnored, "step failed"),
		},
		"Memory": {
			onError: "continue",
			end:     v1.Failed(v1.TaskRunReasonStepOOM, "too much"),
			want:    v1.Failed(v1.TaskRunReasonFailureIgnored, "StepOOM: too much"),
		},
		"Timeout": {
			onError: "continue",
			end:     v1.Failed(v1.TaskRunReasonTimedOut, "late"),
			want:    v1.Failed(v1.TaskRunReasonTimedOut, "late"),
		},
		"LostResults": {
			onError: "continue",
			end:     v1.Failed(v1.TaskRunReasonResultsUnavailable, "lost"),
			want:    v1.Failed(v1.TaskRunReasonResultsUnavailable, "lost"),
		},
		"Retried": {
			onError: "continue",
			retries: 1,
			end:     v1.Failed(v1.TaskRunReasonFailed, "step failed"),
			want:    v1.Failed(v1.TaskRunReasonFailed, "step failed"),
		},
		"Stops": {
			onError: "stopAndFail",
			end:     v1.Failed(v1.TaskRunReasonFailed, "step failed"),
			want:    v1.Failed(v1.TaskRunReasonFailed, "step failed"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(func(tr *v1.TaskRun) {
				tr.Annotations, tr.Spec.Retries = map[string]string{v1.AnnotationOnError: tc.onError}, tc.retries
			})
			if got := withOnError(tr, tc.end); got != tc.want {
				t.Errorf("want %+v, got %+v", tc.want, got)
			}
		})
	}
}

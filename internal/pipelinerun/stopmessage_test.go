package pipelinerun

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// TestStopMessages: a child that its run stops says why in the words of Tekton, which clients compare, and the run reads the cause
// from it again. Earlier versions wrote other words, so that clients took a task whose time was over for one that a user cancelled.
func TestStopMessages(t *testing.T) {
	cases := map[string]struct {
		kind    Kind
		cause   v1.TaskRunSpecStatusMessage
		want    string
		earlier string
	}{
		"TaskRunCancelled": {
			kind: taskRuns{}, cause: v1.TaskRunCancelledByPipelineRun,
			want:    "TaskRun cancelled as the PipelineRun it belongs to has been cancelled.",
			earlier: "cancelled: the PipelineRun that it belongs to was cancelled",
		},
		"TaskRunTimedOut": {
			kind: taskRuns{}, cause: v1.TaskRunTimedOutByPipelineRun,
			want:    "TaskRun cancelled as the PipelineRun it belongs to has timed out.",
			earlier: "cancelled: the PipelineRun that it belongs to has timed out",
		},
		"CustomRunCancelled": {
			kind: customRuns{}, cause: v1.TaskRunCancelledByPipelineRun,
			want:    "CustomRun cancelled as the PipelineRun it belongs to has been cancelled.",
			earlier: "cancelled: the PipelineRun that it belongs to was cancelled",
		},
		"CustomRunTimedOut": {
			kind: customRuns{}, cause: v1.TaskRunTimedOutByPipelineRun,
			want:    "CustomRun cancelled as the PipelineRun it belongs to has timed out.",
			earlier: "cancelled: the PipelineRun that it belongs to has timed out",
		},
		"GivenUp": {
			kind: customRuns{}, cause: v1.TaskRunGivenUpByPipelineRun,
			want:    string(v1.TaskRunGivenUpByPipelineRun),
			earlier: string(v1.TaskRunGivenUpByPipelineRun),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			stopped := tc.kind.Stop(Stop{Cancel: tc.cause}, time.Unix(0, 0))
			var child struct {
				Spec struct {
					StatusMessage string `json:"statusMessage"`
				} `json:"spec"`
			}
			text, err := json.Marshal(map[string]any{"spec": stopped.Spec})
			if err == nil {
				err = json.Unmarshal(text, &child)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, child.Spec.StatusMessage); diff != "" {
				t.Errorf("-want, +got:\n%s", diff)
			}
			for _, message := range []string{tc.want, tc.earlier} {
				if got := stoppedChild(tc.kind, message).Progress().Message; got != tc.cause {
					t.Errorf("from %q: want the cause %q, got %q", message, tc.cause, got)
				}
			}
		})
	}
}

// stoppedChild returns a child with this message.
func stoppedChild(kind Kind, message string) Run {
	if kind == (customRuns{}) {
		return customRun{&v1beta1.CustomRun{Spec: v1beta1.CustomRunSpec{StatusMessage: message}}}
	}
	return taskRun{&v1.TaskRun{Spec: v1.TaskRunSpec{StatusMessage: v1.TaskRunSpecStatusMessage(message)}}}
}

// TestNestedStopReason: a child that is a pipeline has the cause in an annotation, also in the words of an earlier version.
func TestNestedStopReason(t *testing.T) {
	for name, message := range map[string]string{
		"Now":     string(v1.TaskRunTimedOutByPipelineRun),
		"Earlier": "cancelled: the PipelineRun that it belongs to has timed out",
	} {
		t.Run(name, func(t *testing.T) {
			child := pipelineRun{&v1.PipelineRun{}}
			child.Annotations = map[string]string{v1.AnnotationStopReason: message}
			if got := child.Progress().Message; got != v1.TaskRunTimedOutByPipelineRun {
				t.Errorf("got %q", got)
			}
		})
	}
}

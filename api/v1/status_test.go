package v1_test

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/fill"
)

// TestBegunIsProvedByTheWholeStatus: each field of a status, alone, shows that its run has begun and closes the spec.
// A field that is added to the API later does so, too, unless it is listed here.
func TestBegunIsProvedByTheWholeStatus(t *testing.T) {
	notProofs := map[string]string{
		"ObservedGeneration": "it is written to a run that is held",
		"SpanContext":        "a system that traces runs may write it to a run that the controller has not acted on",
	}
	held := v1.Running(v1.PipelineRunReasonPending, "held by spec.status")
	check := func(t *testing.T, status reflect.Value, begun func() bool) {
		t.Helper()
		if begun() {
			t.Error("an empty status proves nothing")
		}
		for i := range status.NumField() {
			name, value := status.Type().Field(i).Name, status.Field(i)
			fill.Everything(value, fill.Depth, fill.With{Value: v1.StringValue("x")})
			if _, no := notProofs[name]; begun() == no {
				t.Errorf("status with %s only: begun is %t", name, !no)
			}
			value.SetZero()
		}
	}
	t.Run("TaskRun", func(t *testing.T) {
		var run v1.TaskRun
		check(t, reflect.ValueOf(&run.Status).Elem(), run.Status.Begun)
		run.Status.Conditions = []metav1.Condition{v1.Running(v1.TaskRunReasonHeld, "held by spec.status")}
		if run.Status.Begun() {
			t.Error("a run that spec.status holds has not begun, whatever its condition says")
		}
	})
	t.Run("PipelineRun", func(t *testing.T) {
		var run v1.PipelineRun
		check(t, reflect.ValueOf(&run.Status).Elem(), run.Status.Begun)
		run.Status.ObservedGeneration, run.Status.Conditions = 1, []metav1.Condition{held}
		if run.Status.Begun() {
			t.Error("a run that spec.status holds has not begun, whatever its condition says")
		}
		run.Status.Conditions = append(run.Status.Conditions, v1.Running(v1.PipelineRunReasonStarted, ""))
		if !run.Status.Begun() {
			t.Error("another condition beside it is a proof")
		}
	})
}

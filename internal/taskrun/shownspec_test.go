package taskrun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// restart makes another reconciler, which knows nothing of what the one before has done.
func (w *world) restart() { w.Reconciler = NewReconciler(w.deps) }

// envOf returns a variable of the environment of the first step.
func envOf(p *corev1.Pod, name string) string {
	for _, e := range p.Spec.Containers[0].Env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}

// TestValuesArriveInEachAttempt: whatever the value of a param is, each attempt gets it byte for byte, also if another
// controller continues the run before each pass. The status shows values only after the last attempt, so that no attempt reads
// a value as text.
func TestValuesArriveInEachAttempt(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			"$(params.token)", "$$(params.token)", "$(params.p)", "$$", "$", "$(", ")", "$(context.task.retry-count)", "$(HOME)",
			"$(steps.one.results.r)", "$(results.digest.path)", "$(workspaces.w.path)", "é", "$($(params.token))",
		}), 1, 5).Draw(rt, "value"), "")
		hostile := func(tr *v1.TaskRun) {
			step := &tr.Spec.TaskSpec.Steps[0]
			step.Env = []corev1.EnvVar{{Name: "P", Value: "$(params.p)|$(context.task.retry-count)"}}
			step.Script = "echo '$(params.p)'"
			tr.Spec.Params = []v1.Param{{Name: "p", Value: v1.StringValue(value)}, {Name: "token", Value: v1.StringValue("s3cret")}}
			tr.Annotations = map[string]string{v1.AnnotationFinal: strings.Join(v1.FinalParts(), ",")}
		}
		w := newWorld(t, []client.Object{taskRun(retries(1), hostile)}, interceptor.Funcs{})
		pass := func() *v1.TaskRun { w.restart(); return w.pass(t) }
		for i, name := range []string{"build-pod", "build-pod-retry1"} {
			if tr := pass(); tr.Status.TaskSpec.Steps[0].Script != "echo '$(params.p)'" {
				rt.Fatalf("want the text of the task while the run continues, got %q", tr.Status.TaskSpec.Steps[0].Script)
			}
			got := strings.ReplaceAll(envOf(w.podNamed(t, name), "P"), "$$", "$")
			if want := value + "|" + string(rune('0'+i)); got != want {
				rt.Fatalf("attempt %d: want %q, got %q", i, want, got)
			}
			w.playOn(t, name, corev1.PodFailed, terminated(1, record(1)), terminated(1, record(1)))
			pass()
		}
		tr := pass()
		if want := "echo '" + value + "'"; reason(tr) != "False Failed" || tr.Status.TaskSpec.Steps[0].Script != want {
			rt.Errorf("want an ended run that shows %q, got %s with %q", want, reason(tr), tr.Status.TaskSpec.Steps[0].Script)
		}
	})
}

// TestShownSpecNeedsRoom: the results of a run have precedence over the values in the copy of its task.
func TestShownSpecNeedsRoom(t *testing.T) {
	const script = "$(params.p)"
	value := strings.Repeat("x", substitute.MaxShown)
	cases := map[string]struct {
		reason string
		free   int
		want   string
	}{
		"Room": {
			reason: "there is room for both",
			free:   10_000,
			want:   value,
		},
		"NoRoom": {
			reason: "the result leaves no room for the value",
			free:   4300,
			want:   script,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(started)
			tr.Spec.TaskSpec.Steps[0].Script = script
			tr.Spec.Params = []v1.Param{{Name: "p", Value: v1.StringValue(value)}}
			obs := observation()
			obs.Task.Spec = tr.Spec.TaskSpec.DeepCopy()
			result := strings.Repeat("r", objectsize.Limit-objectsize.Stored(tr)-tc.free)
			obs.Evidence.Set = wholeSet(obs.Task.Spec)
			obs.Evidence.Set.Results = []frame.Result{{Name: "digest", Type: "string", Value: []byte(result)}}
			status, oversize := statusFor(tr, Collected, obs, Plan{}, Effect{})
			if oversize || reason(&v1.TaskRun{Status: status}) != "True Succeeded" || len(status.Results) != 1 {
				t.Fatalf("want a green run with its result, got %+v", status.Condition())
			}
			if got := status.TaskSpec.Steps[0].Script; got != tc.want {
				t.Errorf("%s: want %.20q, got %.20q", tc.reason, tc.want, got)
			}
		})
	}
}

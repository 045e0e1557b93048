package taskrun

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/trust"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

// judge is a verifier with a verdict for each kind, and the definitions that it was given.
type judge struct {
	verdicts map[string]trust.Verdict
	seen     []trust.Definition
	objects  []string
}

func (j *judge) Check(_ context.Context, _ string, d trust.Definition) (trust.Verdict, error) {
	j.seen = append(j.seen, d)
	text, err := json.Marshal(d.Object)
	j.objects = append(j.objects, string(text))
	return j.verdicts[d.Kind], err
}

// judged is a world whose definitions are verified.
func judged(t *testing.T, j *judge) *world {
	t.Helper()
	w := newWorld(t, []client.Object{taskRun(remote)}, interceptor.Funcs{})
	w.deps.Trust = j
	w.Reconciler = NewReconciler(w.deps)
	w.pass(t)
	return w
}

func TestUntrustedTask(t *testing.T) {
	refused := trust.Verdict{Result: trust.Refused, Message: "not signed"}
	cases := map[string]struct {
		reason   string
		verdicts map[string]trust.Verdict
		// condition is the reason of TrustedResourcesVerified; empty if there is none.
		condition string
		status    metav1.ConditionStatus
		fails     bool
	}{
		"Task": {
			reason:    "Nothing of a Task that is not trusted is used.",
			verdicts:  map[string]trust.Verdict{v1.KindTask: refused},
			condition: v1.TaskRunReasonResourceVerificationFailed,
			status:    metav1.ConditionFalse,
			fails:     true,
		},
		"StepAction": {
			reason:    "A StepAction that is not trusted fails its run, whatever its Task is.",
			verdicts:  map[string]trust.Verdict{v1.KindTask: {Result: trust.Verified}, "StepAction": refused},
			condition: v1.TaskRunReasonResourceVerificationFailed,
			status:    metav1.ConditionFalse,
			fails:     true,
		},
		"NoPolicy": {
			reason:    "The reason says that no policy matches.",
			verdicts:  map[string]trust.Verdict{v1.KindTask: {Result: trust.Refused, NoPolicy: true, Message: "not signed"}},
			condition: v1.TrustedResourcesReasonNoPolicy,
			status:    metav1.ConditionFalse,
			fails:     true,
		},
		"Warned": {
			reason: "The run continues, and has the condition.",
			verdicts: map[string]trust.Verdict{
				v1.KindTask: {Result: trust.Verified}, "StepAction": {Result: trust.Warned, Message: "not signed"},
			},
			condition: v1.TaskRunReasonResourceVerificationFailed,
			status:    metav1.ConditionFalse,
		},
		"Verified": {
			reason:    "The condition is True.",
			verdicts:  map[string]trust.Verdict{v1.KindTask: {Result: trust.Verified, Message: "signed"}},
			condition: v1.TrustedResourcesReasonVerified,
			status:    metav1.ConditionTrue,
		},
		"Skipped": {
			reason: "Without a policy there is no condition.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := judged(t, &judge{verdicts: tc.verdicts})
			w.answer(t, resolver.Answer{Definition: remoteTask + withAction, Source: &v1.RefSource{URI: "git+https://x"}})
			tr := w.pass(t)
			if len(w.open(t)) > 0 {
				if meta.FindStatusCondition(tr.Status.Conditions, v1.ConditionTrustedResources) != nil {
					t.Errorf("%s\nthe condition is there before all definitions are", tc.reason)
				}
				w.answer(t, resolver.Answer{Definition: remoteAction, Source: &v1.RefSource{URI: "git+https://y"}})
				tr = w.pass(t)
			}
			if tc.fails {
				wantReason(t, tr, metav1.ConditionFalse, v1.TaskRunReasonResourceVerificationFailed, "not signed")
				if len(w.pods(t)) != 0 || tr.Status.TaskSpec != nil || tr.Labels["team"] != "" {
					t.Errorf("%s\nsomething of the definition was used: %+v", tc.reason, tr)
				}
			} else if len(w.pods(t)) != 1 {
				t.Errorf("%s\nwant a pod, got %+v", tc.reason, tr.Status)
			}
			got := meta.FindStatusCondition(tr.Status.Conditions, v1.ConditionTrustedResources)
			switch {
			case tc.condition == "" && got != nil, tc.condition != "" && (got == nil || got.Reason != tc.condition || got.Status != tc.status):
				t.Errorf("%s\nwant %q, %s, got %+v", tc.reason, tc.condition, tc.status, got)
			}
		})
	}
}

// TestUntrustedTaskIsNotRetried: the next attempt would fail in the same way.
func TestUntrustedTaskIsNotRetried(t *testing.T) {
	w := newWorld(t, []client.Object{taskRun(remote, func(tr *v1.TaskRun) { tr.Spec.Retries = 3 })}, interceptor.Funcs{})
	w.deps.Trust = &judge{verdicts: map[string]trust.Verdict{v1.KindTask: {Result: trust.Refused, Message: "not signed"}}}
	w.Reconciler = NewReconciler(w.deps)
	w.pass(t)
	w.answer(t, resolver.Answer{Definition: remoteTask})
	tr := w.pass(t)
	wantReason(t, tr, metav1.ConditionFalse, v1.TaskRunReasonResourceVerificationFailed, "not signed")
	if len(tr.Status.RetriesStatus) != 0 {
		t.Errorf("got %+v", tr.Status.RetriesStatus)
	}
}

// TestVerifiedObjectIsUsed: the definition that was verified is the one that runs, even if the answer of the resolver changes, and
// its source is the one that the status records.
func TestVerifiedObjectIsUsed(t *testing.T) {
	j := &judge{verdicts: map[string]trust.Verdict{v1.KindTask: {Result: trust.Verified}}}
	w := judged(t, j)
	open := w.open(t)
	w.answer(t, resolver.Answer{Definition: remoteTask, Source: &v1.RefSource{URI: "git+https://x"}})
	tr := w.pass(t)
	if len(j.seen) != 1 || j.seen[0].Source != "git+https://x" || tr.Status.Provenance.RefSource.URI != "git+https://x" {
		t.Fatalf("verified %+v, recorded %+v", j.seen, tr.Status.Provenance)
	}
	var verified v1.Task
	if err := json.Unmarshal([]byte(j.objects[0]), &verified); err != nil {
		t.Fatal(err)
	}
	if got, want := tr.Status.TaskSpec.Steps[0].Script, verified.Spec.Steps[0].Script; got != want || got == "" {
		t.Errorf("verified %q, used %q", want, got)
	}
	changed := resolver.Answer{Definition: strings.Replace(remoteTask, "echo one", "echo evil", 1)}
	if err := w.client.Get(t.Context(), client.ObjectKeyFromObject(&open[0]), &open[0]); err != nil {
		t.Fatal(err)
	}
	if err := resolver.Write(t.Context(), w.client, &open[0], changed); err != nil {
		t.Fatal(err)
	}
	w.restart()
	tr = w.pass(t)
	if tr.Status.TaskSpec.Steps[0].Script != "echo one" || len(j.seen) != 1 {
		t.Errorf("the changed definition was used: %+v", tr.Status.TaskSpec)
	}
	if c := meta.FindStatusCondition(tr.Status.Conditions, v1.ConditionTrustedResources); c == nil || c.Status != metav1.ConditionTrue {
		t.Errorf("the condition of the first reconcile is gone: %+v", c)
	}
}

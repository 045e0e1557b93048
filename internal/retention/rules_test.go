package retention

import (
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

// TestFor: what is set for a namespace overrides what is set for the cluster, and one outcome overrides both outcomes only at the
// same level.
func TestFor(t *testing.T) {
	s := &Settings{
		Policy: Policy{
			TTLSecondsAfterFinished: new(int64(60)), SuccessfulHistoryLimit: new(int64(5)), HistoryLimit: new(int64(3)),
			StoredBytesLimit: new(resource.MustParse("1Mi")), AwaitSignature: new(true),
		},
		Namespaces: map[string]Policy{
			"dev": {
				HistoryLimit: new(int64(1)), FailedTTLSecondsAfterFinished: new(int64(Unlimited)), StoredBytesLimit: new(resource.MustParse("0")),
			},
		},
	}
	for namespace, want := range map[string]Rules{
		"prod": {
			TTL:     map[Outcome]time.Duration{Successful: time.Minute, Failed: time.Minute},
			History: map[Outcome]int{Successful: 5, Failed: 3}, Bytes: 1 << 20, AwaitSignature: true,
		},
		"dev": {
			TTL:     map[Outcome]time.Duration{Successful: time.Minute},
			History: map[Outcome]int{Successful: 1, Failed: 1}, AwaitSignature: true,
		},
	} {
		if diff := gocmp.Diff(want, s.For(namespace)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", namespace, diff)
		}
	}
	if diff := gocmp.Diff(Rules{TTL: map[Outcome]time.Duration{}, History: map[Outcome]int{}}, (&Settings{}).For("any")); diff != "" {
		t.Errorf("without settings there are no rules (-want +got):\n%s", diff)
	}
}

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		settings Settings
		want     string
	}{
		"Empty":     {},
		"Unlimited": {settings: Settings{Policy: Policy{HistoryLimit: new(int64(-1))}}},
		"Negative": {
			settings: Settings{Policy: Policy{FailedHistoryLimit: new(int64(-2))}},
			want:     "failedHistoryLimit: -2 is not from 0",
		},
		"Long": {
			settings: Settings{Policy: Policy{TTLSecondsAfterFinished: new(int64(1 << 40))}},
			want:     "ttlSecondsAfterFinished: 1099511627776 is not from 0",
		},
		"Bytes": {
			settings: Settings{Policy: Policy{StoredBytesLimit: new(resource.MustParse("-1"))}},
			want:     "storedBytesLimit: -1 is not from 0",
		},
		"Thousandths": {
			settings: Settings{Policy: Policy{StoredBytesLimit: new(resource.MustParse("500m"))}},
			want:     "storedBytesLimit: 500m is not a whole number of bytes",
		},
		"HalfAGibibyte": {settings: Settings{Policy: Policy{StoredBytesLimit: new(resource.MustParse("0.5Gi"))}}},
		"Namespace": {
			settings: Settings{Namespaces: map[string]Policy{"Dev": {}}},
			want:     `"Dev" is not the name of a namespace`,
		},
		"InNamespace": {
			settings: Settings{Namespaces: map[string]Policy{"dev": {HistoryLimit: new(int64(-9))}}},
			want:     "namespaces: dev: historyLimit: -9",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := tc.settings.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// TestFacts: the facts of a run, as the API server has it.
func TestFacts(t *testing.T) {
	at := metav1.NewTime(noon)
	meta := func(change ...func(*metav1.ObjectMeta)) metav1.ObjectMeta {
		m := metav1.ObjectMeta{Namespace: "ci", Name: "build-1", UID: "u", ResourceVersion: "7", GenerateName: "build-"}
		for _, c := range change {
			c(&m)
		}
		return m
	}
	over := []metav1.Condition{{Type: v1.ConditionSucceeded, Status: metav1.ConditionFalse, LastTransitionTime: at}}
	base := Run{Kind: v1.KindPipelineRun, Namespace: "ci", Name: "build-1", UID: "u", Version: "7", Source: "build-"}
	with := func(change func(*Run)) Run {
		r := base
		change(&r)
		return r
	}
	for name, tc := range map[string]struct {
		reason string
		run    v1.PipelineRun
		want   Run
	}{
		"UnderWay": {
			reason: "It has no outcome yet.",
			run:    v1.PipelineRun{ObjectMeta: meta()},
			want:   base,
		},
		"Failed": {
			reason: "Without a completion time the condition has the time.",
			run:    v1.PipelineRun{ObjectMeta: meta(), Status: v1.PipelineRunStatus{Conditions: over}},
			want:   with(func(r *Run) { r.Outcome, r.Ended = Failed, noon }),
		},
		"Incomplete": {
			reason: "A condition without a status is no outcome.",
			run: v1.PipelineRun{ObjectMeta: meta(), Status: v1.PipelineRunStatus{
				Conditions: []metav1.Condition{{Type: v1.ConditionSucceeded, LastTransitionTime: at}},
			}},
			want: base,
		},
		"Timeless": {
			reason: "Without any time of its end, a run is not the oldest of all.",
			run: v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) { m.CreationTimestamp = at }), Status: v1.PipelineRunStatus{
				Conditions:     []metav1.Condition{{Type: v1.ConditionSucceeded, Status: metav1.ConditionTrue}},
				CompletionTime: &metav1.Time{},
			}},
			want: with(func(r *Run) { r.Outcome, r.Ended = Successful, noon }),
		},
		"Labeled": {
			reason: "The label names the Pipeline, also of a resolver.",
			run:    v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) { m.Labels = map[string]string{v1.LabelPipeline: "build"} })},
			want:   with(func(r *Run) { r.Source = "build" }),
		},
		"LabeledWithItself": {
			reason: "Clients label a run with an embedded pipeline with its own name, which groups nothing.",
			run:    v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) { m.Labels = map[string]string{v1.LabelPipeline: "build-1"} })},
			want:   base,
		},
		"Referred": {
			reason: "Before the label is set, the reference names it.",
			run:    v1.PipelineRun{ObjectMeta: meta(), Spec: v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{Name: "deploy"}}},
			want:   with(func(r *Run) { r.Source = "deploy" }),
		},
		"Child": {
			reason: "Another run owns it.",
			run: v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) {
				m.OwnerReferences = []metav1.OwnerReference{{APIVersion: "tekton.dev/v1", Kind: v1.KindPipelineRun, UID: "p"}}
			})},
			want: with(func(r *Run) { r.Child, r.Owner = true, "p" }),
		},
		"Annotated": {
			reason: "Its user keeps it, and Chains has signed it.",
			run: v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) {
				m.Annotations = map[string]string{v1.AnnotationKeep: "true", v1.AnnotationTTL: "60", annotationSigned: "true"}
				m.Finalizers = []string{"chains.tekton.dev/pipelinerun"}
				m.DeletionTimestamp = &at
			})},
			want: with(func(r *Run) { r.Keep, r.TTL, r.Signed, r.Awaited, r.Leaving = true, new(time.Minute), true, true, true }),
		},
		"EventsDue": {
			reason: "Its record names the events that are not sent yet.",
			run: v1.PipelineRun{ObjectMeta: meta(), Status: v1.PipelineRunStatus{
				Annotations: map[string]string{v1.AnnotationEvents: "4 3:running 4:successful"},
			}},
			want: with(func(r *Run) { r.Unsent = true }),
		},
		"EventsDueAfterTheMark": {
			reason: "The mark of the installation ends before its stamp.",
			run: v1.PipelineRun{ObjectMeta: meta(), Status: v1.PipelineRunStatus{
				Annotations: map[string]string{v1.AnnotationEvents: "4 4:successful @7.17"},
			}},
			want: with(func(r *Run) { r.Unsent, r.Stamped = true, true }),
		},
		"EventsSentByTheMark": {
			reason: "The mark of the installation says so, and the run does not.",
			run: v1.PipelineRun{ObjectMeta: meta(), Status: v1.PipelineRunStatus{
				Annotations: map[string]string{v1.AnnotationEvents: "4 3:running 4:successful @7.16"},
			}},
			want: with(func(r *Run) { r.Stamped = true }),
		},
		"EventsSent": {
			reason: "Its record has only the number of the last event.",
			run: v1.PipelineRun{ObjectMeta: meta(), Status: v1.PipelineRunStatus{
				Annotations: map[string]string{v1.AnnotationEvents: "4"},
			}},
			want: base,
		},
		"Misspelled": {
			reason: "An invalid annotation is named.",
			run: v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) {
				m.Annotations = map[string]string{v1.AnnotationKeep: "yes"}
			})},
			want: with(func(r *Run) { r.Invalid = `annotation sluice.dev/keep: "yes" is neither "true" nor "false"` }),
		},
		"MisspelledAtLength": {
			reason: "Of a value of any length only the beginning is in memory, once for each run.",
			run: v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) {
				m.Annotations = map[string]string{v1.AnnotationKeep: strings.Repeat("y", 1<<18)}
			})},
			want: with(func(r *Run) {
				r.Invalid = `annotation sluice.dev/keep: "` + strings.Repeat("y", 100) + `…" is neither "true" nor "false"`
			}),
		},
		"MisspelledTime": {
			reason: "A time to live is a number of seconds.",
			run: v1.PipelineRun{ObjectMeta: meta(func(m *metav1.ObjectMeta) {
				m.Annotations = map[string]string{v1.AnnotationTTL: "1h"}
			})},
			want: with(func(r *Run) {
				r.Invalid = `annotation pruner.tekton.dev/ttlSecondsAfterFinished: "1h" is not a number of seconds from 0 to 3153600000, ` +
					`or -1 for no end`
			}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := gocmp.Diff(tc.want, OfPipelineRun(&tc.run, sentUpTo("7.16"))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestFactsOfCustomRun: a CustomRun has an owner and an outcome, and no bytes or rules.
func TestFactsOfCustomRun(t *testing.T) {
	base := Run{Kind: v1beta1.KindCustomRun, Namespace: "ci", Name: "approve", UID: "u", Child: true, Owner: "p"}
	for name, tc := range map[string]struct {
		reason    string
		condition metav1.ConditionStatus
		recorded  string
		want      func(*Run)
	}{
		"New": {
			reason: "its controller has not written a status",
			want:   func(*Run) {},
		},
		"UnderWay": {
			reason:    "it has not ended",
			condition: metav1.ConditionUnknown,
			recorded:  "2",
			want:      func(r *Run) { r.Unsent = true },
		},
		"Ended": {
			reason:    "it has ended, and all events are sent",
			condition: metav1.ConditionFalse,
			recorded:  "3",
			want:      func(r *Run) { r.Outcome, r.Ended = Failed, noon },
		},
		"EventDue": {
			reason:    "the event about its end is due",
			condition: metav1.ConditionTrue,
			recorded:  "2",
			want:      func(r *Run) { r.Outcome, r.Ended, r.Unsent = Successful, noon, true },
		},
		"WithoutEvents": {
			reason:    "no events about CustomRuns are sent",
			condition: metav1.ConditionTrue,
			want:      func(r *Run) { r.Outcome, r.Ended = Successful, noon },
		},
	} {
		t.Run(name, func(t *testing.T) {
			cr := &v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{
				Namespace: "ci", Name: "approve", UID: "u",
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "tekton.dev/v1", Kind: v1.KindPipelineRun, UID: "p"}},
			}}
			cr.SetSelfLink("500")
			if tc.condition != "" {
				cr.Status.Conditions = []v1beta1.Condition{{
					Type: v1.ConditionSucceeded, Status: tc.condition, LastTransitionTime: noon.Format(time.RFC3339),
				}}
			}
			cr.Annotations = map[string]string{v1.AnnotationKeep: "true", v1.AnnotationTTL: "soon"} // the cache does not keep these
			if tc.recorded != "" {
				cr.Annotations[v1.AnnotationEvents] = tc.recorded
			}
			want := base
			tc.want(&want)
			if diff := gocmp.Diff(want, OfCustomRun(cr)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// sentUpTo looks at records with a mark of one controller.
func sentUpTo(stamp string) mark.Look {
	s, _ := mark.ParseStamp("@" + stamp)
	return mark.Mark{}.With(s).At(noon)
}

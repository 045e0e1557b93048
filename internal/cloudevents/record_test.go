package cloudevents

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/retention"
)

func TestParseRecord(t *testing.T) {
	cases := map[string]struct {
		reason, text string
		want         record
	}{
		"None": {reason: "a run without events"},
		"Sent": {reason: "all are sent", text: "4", want: record{last: 4}},
		"Due":  {reason: "two are due", text: "4 3:running 4:failed", want: record{last: 4, due: []numbered{{3, Running}, {4, Failed}}}},
		"Stamp": {
			reason: "the mark will say when it is sent",
			text:   "4 4:failed @1764500003.16",
			want:   record{last: 4, due: []numbered{{4, Failed}}, stamp: mark.Stamp{Epoch: 1_764_500_003, Batch: 16}},
		},
		"SentStamp": {reason: "nothing is due, so the stamp says nothing", text: "4 @1764500003.16", want: record{last: 4}},
		"OnlyStamp": {reason: "no number", text: "@1764500003.16"},
		"TwoStamps": {reason: "a stamp is not the number of an event", text: "4 4:failed @7.1 @7.2"},
		"NoNumber":  {reason: "no number", text: "x 1:queued"},
		"Negative":  {reason: "numbers begin at 1", text: "-1"},
		"NoPhase":   {reason: "a phase is missing", text: "1 1"},
		"BadPhase":  {reason: "a phase that does not exist", text: "1 1:done"},
		"Order":     {reason: "numbers increase", text: "2 2:started 1:queued"},
		"BeyondEnd": {reason: "no event is later than the last", text: "1 2:started"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parse(tc.text), cmp.AllowUnexported(record{}, numbered{})); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestRecordKeepsWhatIsDue: whatever happens to a run, its record can be read again, is bounded, and has every event that was not sent,
// except those between the start and the end of a run with too many.
func TestRecordKeepsWhatIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r record
		due := map[int]Phase{}
		for range rapid.IntRange(1, 60).Draw(t, "changes") {
			var done []int
			for number := range due {
				if rapid.Bool().Draw(t, "sent") {
					done = append(done, number)
				}
			}
			begin := rapid.SliceOfN(rapid.SampledFrom([]Phase{Queued, Started, Running, Unknown}), 1, 2).Draw(t, "begin")
			next, added := r.without(done).with(begin)
			next.stamp = mark.Stamp{Epoch: rapid.Int64Range(1, 9).Draw(t, "epoch"), Batch: rapid.IntRange(1, 9).Draw(t, "batch")}
			for _, number := range done {
				delete(due, number)
			}
			for _, a := range added {
				due[a.number] = a.phase
			}
			if len(next.due) > maxDue || len(next.due) != min(len(due), maxDue) {
				t.Fatalf("%d events are due, the record has %d: %s", len(due), len(next.due), next)
			}
			kept := map[int]Phase{}
			for _, d := range next.due {
				kept[d.number] = d.phase
				if due[d.number] != d.phase {
					t.Fatalf("the record has %d:%s, which is not due: %v", d.number, d.phase, due)
				}
			}
			due = kept
			if diff := cmp.Diff(next, parse(next.String()), cmp.AllowUnexported(record{}, numbered{}), cmp.Transformer("none",
				func(all []numbered) []numbered { return append([]numbered{}, all...) })); diff != "" {
				t.Fatalf("the record %q is read as another: -want +got:\n%s", next, diff)
			}
			r = next
		}
	})
}

// TestFullRecordKeepsBothEnds: the events that make room are those between the start and the end.
func TestFullRecordKeepsBothEnds(t *testing.T) {
	r, _ := record{}.with([]Phase{Queued, Started})
	for range 3 * maxDue {
		r, _ = r.with([]Phase{Running})
	}
	r, _ = r.with([]Phase{Failed})
	if len(r.due) != maxDue || r.due[0].phase != Queued || r.due[1].phase != Started || r.due[maxDue-1].phase != Failed {
		t.Errorf("want the start and the end of the run in its record, got %s", r)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add("4 3:running 4:failed")
	f.Add("4 3:running 4:failed @1764500003.16")
	f.Fuzz(func(t *testing.T, text string) {
		r := parse(text)
		if again := parse(r.String()); again.String() != r.String() || len(r.due) > maxDue {
			t.Errorf("%q is read as %s, and that as %s", text, r, again)
		}
	})
}

func TestTrim(t *testing.T) {
	cases := map[string]struct {
		reason, record string
		kept           bool
	}{
		"Sent": {reason: "nothing is due, so nothing is looked up again", record: "4"},
		"Due":  {reason: "an event that is due must be found after a restart", record: "4 4:failed", kept: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			annotations := map[string]string{v1.AnnotationEvents: tc.record, "other": "x"}
			Trim(annotations)
			if _, kept := annotations[v1.AnnotationEvents]; kept != tc.kept || annotations["other"] == "" {
				t.Errorf("%s: got %v", tc.reason, annotations)
			}
		})
	}
}

// TestRetentionKnowsWhatIsDue: package retention reads the same record, so that a run stays for its events. It cannot import this package.
// The mark covers one of two stamps.
func TestRetentionKnowsWhatIsDue(t *testing.T) {
	all := []record{{}, {last: 4}}
	before, after := mark.Stamp{Epoch: 7, Batch: 16}, mark.Stamp{Epoch: 7, Batch: 17}
	look := mark.Mark{}.With(before).At(time.Now())
	for _, p := range []Phase{Queued, Started, Running, Unknown, Successful, Failed} {
		next, _ := record{last: 2}.with([]Phase{p})
		all = append(all, next, next.without([]int{3}))
		for _, s := range []mark.Stamp{before, after} {
			next.stamp = s
			all = append(all, next)
		}
	}
	for _, r := range all {
		tr, pr := &v1.TaskRun{}, &v1.PipelineRun{}
		tr.Status.Annotations = map[string]string{v1.AnnotationEvents: r.String()}
		pr.Status.Annotations = tr.Status.Annotations
		want := len(parse(r.String()).due) > 0 && r.stamp != before
		if retention.OfTaskRun(tr, look).Unsent != want || retention.OfPipelineRun(pr, look).Unsent != want {
			t.Errorf("%q: want %v", r, want)
		}
	}
	cr := &v1beta1.CustomRun{}
	cr.Status.Conditions = []v1beta1.Condition{{Type: v1.ConditionSucceeded, Status: metav1.ConditionTrue}}
	for sent := range 4 {
		cr.Annotations = map[string]string{v1.AnnotationEvents: strconv.Itoa(sent)}
		if _, due := customRunEvent(cr, time.Now()); retention.OfCustomRun(cr).Unsent != due {
			t.Errorf("event %d of a CustomRun was sent: want %v", sent, due)
		}
	}
}

package cloudevents

import (
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

// markUpTo returns a mark of one controller up to a stamp.
func markUpTo(t *testing.T, stamp string) *mark.Current {
	t.Helper()
	s, ok := mark.ParseStamp(stamp)
	if !ok {
		t.Fatalf("%q is no stamp", stamp)
	}
	m, err := mark.Parse(mark.Missing().Next(time.Unix(s.Epoch, 0)).With(s).Data())
	if err != nil {
		t.Fatal(err)
	}
	current := &mark.Current{}
	current.Store(m)
	return current
}

func TestTrimmer(t *testing.T) {
	now := time.Unix(1_764_600_000, 0)
	trimmer := NewTrimmer(markUpTo(t, "@1764500003.16"), func() time.Time { return now })
	cases := map[string]struct {
		reason, record string
		others         map[string]string
		ended          time.Duration
		kept           bool
	}{
		"None":      {reason: "without annotations there is nothing to do"},
		"Others":    {reason: "others stay", others: map[string]string{"k": "x"}},
		"Sent":      {reason: "its own record says so", record: "4", others: map[string]string{"k": "x"}},
		"Alone":     {reason: "an empty map is none", record: "4"},
		"Covered":   {reason: "the mark says so", record: "4 4:successful @1764500003.16"},
		"Due":       {reason: "its own record says so", record: "4 4:successful", kept: true},
		"DueLater":  {reason: "the mark will say so", record: "4 4:successful @1764500003.17", kept: true},
		"DueOthers": {reason: "others stay, too", record: "4 4:failed", others: map[string]string{"k": "x"}, kept: true},
		"Old":       {reason: "from before the mark, and old", record: "4 4:failed @1764500001.1", ended: 2 * time.Hour},
		"Young":     {reason: "from before the mark, and its events are sent again", record: "4 4:failed @1764500001.1", kept: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			given, want := maps.Clone(tc.others), maps.Clone(tc.others)
			add := func(to map[string]string) map[string]string {
				if to == nil {
					to = map[string]string{}
				}
				to[v1.AnnotationEvents] = tc.record
				return to
			}
			if tc.record != "" {
				given = add(given)
			}
			if tc.kept {
				want = add(want)
			}
			before := maps.Clone(given)
			got := trimmer.Trim(given, &metav1.Time{Time: now.Add(-tc.ended)})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(before, given); diff != "" {
				t.Errorf("%s: the given map is changed: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTrimmerSharesRecords: the records of a batch are alike, and use the memory of one.
func TestTrimmerSharesRecords(t *testing.T) {
	trimmer := NewTrimmer(&mark.Current{}, time.Now)
	trim := func(record string) map[string]string {
		return trimmer.Trim(map[string]string{v1.AnnotationEvents: record}, nil)
	}
	same := func(a, b map[string]string) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }
	first := trim("4 4:successful @7.1")
	if !same(first, trim("4 4:successful @7.1")) || same(first, trim("4 4:failed @7.1")) {
		t.Error("want the same records shared, and no others")
	}
	for i := range 2 * maxShared {
		trim(fmt.Sprintf("4 4:successful @7.%d", i+2))
	}
	if n := len(trimmer.shared); n > maxShared {
		t.Errorf("%d records are remembered", n)
	}
}

// BenchmarkTrimmedRecord is the memory that the record of a finished run needs in the cache until the next start: in batches of one run,
// of twenty, and without a Trimmer.
func BenchmarkTrimmedRecord(b *testing.B) {
	const count = 100_000
	for name, size := range map[string]int{"batches of 1": 1, "batches of 20": 20, "untrimmed": 0} {
		b.Run(name, func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				trimmer, all := NewTrimmer(&mark.Current{}, time.Now), make([]map[string]string, count)
				runtime.GC()
				runtime.ReadMemStats(&before)
				for i := range all {
					all[i] = map[string]string{string([]byte(v1.AnnotationEvents)): fmt.Sprintf("4 4:successful @1764500003.%d", i/max(size, 1))}
					if size > 0 {
						all[i] = trimmer.Trim(all[i], nil)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(all)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/count, "B/run")
		})
	}
}

package mark

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// begin is when the first controller of a test begins.
var begin = time.Unix(1_764_500_000, 0)

func TestParseStamp(t *testing.T) {
	cases := map[string]struct {
		reason, text string
		want         Stamp
	}{
		"Stamp":         {reason: "an epoch and a batch", text: "@1764500003.16", want: Stamp{1_764_500_003, 16}},
		"NoSign":        {reason: "a word without the sign is another part of a record", text: "1764500003.16"},
		"NoBatch":       {reason: "the batch is missing", text: "@1764500003"},
		"Zero":          {reason: "batches begin at 1", text: "@1764500003.0"},
		"NegativeEpoch": {reason: "epochs are positive", text: "@-3.1"},
		"Words":         {reason: "only numbers", text: "@a.b"},
		"Empty":         {reason: "no stamp"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, ok := ParseStamp(tc.text)
			if got != tc.want || ok == tc.want.IsZero() {
				t.Errorf("%s: got %v, %v", tc.reason, got, ok)
			}
			if ok && got.String() != tc.text {
				t.Errorf("%s: it is written as %q", tc.reason, got)
			}
		})
	}
}

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason  string
		data    map[string]string
		want    Mark
		problem string
	}{
		"Empty": {
			reason: "the manifests create the ConfigMap without data",
			want:   Missing(),
		},
		"New": {
			reason: "a controller has begun and has sent nothing",
			data:   map[string]string{keyEpoch: "9", keySince: "9", keySent: ""},
			want:   Mark{known: true, epoch: 9, since: 9},
		},
		"Sent": {
			reason: "each controller has its last batch",
			data:   map[string]string{keyEpoch: "9", keySince: "5", keySent: "7.16 9.3"},
			want:   Mark{known: true, epoch: 9, since: 5, sent: []Stamp{{7, 16}, {9, 3}}},
		},
		"NoNumber": {
			reason:  "a person has changed it",
			data:    map[string]string{keyEpoch: "last", keySince: "5"},
			want:    Missing(),
			problem: `epoch is "last", not a positive number`,
		},
		"NoSince": {
			reason:  "a person has removed a key",
			data:    map[string]string{keyEpoch: "9"},
			want:    Missing(),
			problem: `since is ""`,
		},
		"NoBatch": {
			reason:  "a person has changed it",
			data:    map[string]string{keyEpoch: "9", keySince: "5", keySent: "7.16 9"},
			want:    Missing(),
			problem: `sent has "9", not numbers EPOCH.BATCH`,
		},
		"Order": {
			reason:  "epochs increase",
			data:    map[string]string{keyEpoch: "9", keySince: "5", keySent: "9.3 7.16"},
			want:    Missing(),
			problem: `sent has "7.16"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(tc.data)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(Mark{})); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if (err != nil) != (tc.problem != "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("%s: got the error %v, want %q", tc.reason, err, tc.problem)
			}
		})
	}
}

func TestSent(t *testing.T) {
	now := begin.Add(24 * time.Hour)
	m := Mark{known: true, epoch: 9, since: 5, sent: []Stamp{{7, 16}, {9, 3}}}
	cases := map[string]struct {
		reason string
		mark   Mark
		stamp  Stamp
		ended  time.Duration
		want   bool
	}{
		"None": {
			reason: "a run without a stamp has its own record",
			mark:   m,
		},
		"Covered": {
			reason: "the batch is not later than the last one of its controller",
			mark:   m,
			stamp:  Stamp{7, 16},
			want:   true,
		},
		"Later": {
			reason: "a controller ended before the mark said so",
			mark:   m,
			stamp:  Stamp{7, 17},
		},
		"LaterLongAgo": {
			reason: "no controller ran for a day, so its events are due however old they are",
			mark:   m,
			stamp:  Stamp{7, 17},
			ended:  24 * time.Hour,
		},
		"OtherController": {
			reason: "the mark of a later controller says nothing about an earlier one",
			mark:   m,
			stamp:  Stamp{8, 1},
		},
		"BeforeTheMark": {
			reason: "the mark was deleted: events of the last hour are sent again",
			mark:   m,
			stamp:  Stamp{4, 1},
			ended:  59 * time.Minute,
		},
		"LongBeforeTheMark": {
			reason: "the mark was deleted: older events are not sent again, which could be very many",
			mark:   m,
			stamp:  Stamp{4, 1},
			ended:  61 * time.Minute,
			want:   true,
		},
		"NoMark": {
			reason: "without the ConfigMap each run is from before it",
			mark:   Missing(),
			stamp:  Stamp{9, 1},
			ended:  61 * time.Minute,
			want:   true,
		},
		"NotRead": {
			reason: "a mark that was not read covers nothing",
			stamp:  Stamp{9, 1},
			ended:  61 * time.Minute,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.mark.Sent(tc.stamp, now.Add(-tc.ended), now); got != tc.want {
				t.Errorf("%s: got %v", tc.reason, got)
			}
		})
	}
}

// TestLook: retention reads records without the package that writes them.
func TestLook(t *testing.T) {
	look := Mark{known: true, epoch: 7, since: 7, sent: []Stamp{{7, 16}}}.At(begin)
	cases := map[string]struct {
		reason, record string
		due, stamped   bool
	}{
		"None":     {reason: "a run without events"},
		"Sent":     {reason: "its own record says so", record: "4"},
		"Due":      {reason: "its own record says so", record: "4 4:successful", due: true},
		"Covered":  {reason: "the mark says that they are sent", record: "4 3:running 4:successful @7.16", stamped: true},
		"Uncover":  {reason: "the mark will say so", record: "4 4:successful @7.17", due: true, stamped: true},
		"NoEvents": {reason: "nothing is due, with a stamp or without", record: "4 @7.17", stamped: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if due, stamped := look(tc.record, begin); due != tc.due || stamped != tc.stamped {
				t.Errorf("%s: got %v, %v", tc.reason, due, stamped)
			}
		})
	}
}

// TestEpochsIncrease: whatever happens to the ConfigMap, a later controller has a larger epoch, and what was sent stays sent, unless the
// ConfigMap is deleted. It stays small.
func TestEpochsIncrease(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, now, last := Missing(), begin, int64(0)
		var sent []Stamp
		for range rapid.IntRange(1, 300).Draw(t, "controllers") {
			now = now.Add(time.Duration(rapid.IntRange(1, 5000).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 50).Draw(t, "deleted") == 0 {
				m, sent = Missing(), nil
			}
			if m = m.Next(now); m.Epoch() <= last {
				t.Fatalf("epoch %d follows %d", m.Epoch(), last)
			}
			last = m.Epoch()
			for range rapid.IntRange(0, 2).Draw(t, "writes") {
				s := Stamp{last, rapid.IntRange(1, 9).Draw(t, "batch")}
				m = m.With(s)
				sent = append(sent, s)
			}
			read, err := Parse(m.Data())
			if diff := cmp.Diff(m, read, cmp.AllowUnexported(Mark{}), cmp.Transformer("none", func(all []Stamp) []Stamp {
				return append([]Stamp{}, all...)
			})); err != nil || diff != "" {
				t.Fatalf("it is read as another mark (-want +got), %v:\n%s", err, diff)
			}
			if n := len(m.Data()[keySent]); n > 20*(maxEpochs+1) {
				t.Fatalf("it has %d bytes", n)
			}
		}
		for _, s := range sent {
			if !m.Sent(s, now.Add(-2*time.Hour), now) {
				t.Fatalf("%s was sent, and is due again: %v", s, m)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("9", "5", "7.16 9.3")
	f.Fuzz(func(t *testing.T, epoch, since, sent string) {
		m, err := Parse(map[string]string{keyEpoch: epoch, keySince: since, keySent: sent})
		if again, second := Parse(m.Data()); second != nil || !cmp.Equal(m, again, cmp.AllowUnexported(Mark{})) {
			t.Errorf("%q %q %q is read as %v (%v), and that as %v (%v)", epoch, since, sent, m, err, again, second)
		}
	})
}

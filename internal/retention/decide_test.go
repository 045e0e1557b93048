package retention

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

// noon is the time of all decisions.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// ended returns a run of Pipeline "build" that ended minutes ago.
func ended(name string, minutes int, bytes int64, change ...func(*Run)) Run {
	r := Run{
		Kind: v1.KindPipelineRun, Namespace: "ci", Name: name, UID: types.UID(name), Source: "build", Outcome: Successful,
		Ended: noon.Add(-time.Duration(minutes) * time.Minute), Bytes: bytes,
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

func failed(r *Run)  { r.Outcome = Failed }
func kept(r *Run)    { r.Keep = true }
func awaited(r *Run) { r.Awaited = true }
func signed(r *Run)  { r.Signed = true }
func refused(r *Run) { r.Refused = true }
func unsent(r *Run)  { r.Unsent = true }
func custom(r *Run)  { r.Kind = v1beta1.KindCustomRun }
func running(r *Run) { r.Outcome, r.Ended, r.Bytes = UnderWay, time.Time{}, 0 }

func childOf(owner string) func(*Run) {
	return func(r *Run) { r.Kind, r.Child, r.Owner = v1.KindTaskRun, true, types.UID(owner) }
}

func source(name string) func(*Run) { return func(r *Run) { r.Source = name } }

// shown writes a decision as lines.
func shown(d Decision) []string {
	var lines []string
	for _, one := range d.Delete {
		lost := ""
		if one.Unsent {
			lost = ", events are lost"
		}
		lines = append(lines, fmt.Sprintf("delete %s: %s, %d bytes%s", one.Run.Name, one.Reason, one.Bytes, lost))
	}
	for _, one := range d.Stay {
		lines = append(lines, fmt.Sprintf("keep %s: %s, but %s", one.Run.Name, one.Reason, one.Obstacle))
	}
	if !d.Next.IsZero() {
		lines = append(lines, "next in "+d.Next.Sub(noon).String())
	}
	return append(lines, fmt.Sprintf("%d bytes of %d are left", d.Left, d.Held))
}

func TestDecide(t *testing.T) {
	hour := map[Outcome]time.Duration{Successful: time.Hour, Failed: 2 * time.Hour}
	for name, tc := range map[string]struct {
		reason string
		runs   []Run
		rules  Rules
		want   []string
	}{
		"NoRules": {
			reason: "Without rules each run stays.",
			runs:   []Run{ended("a", 9999, 5)},
			want:   []string{"5 bytes of 5 are left"},
		},
		"TimeToLive": {
			reason: "The time to live is that of the outcome, and the next one ends in half an hour.",
			runs:   []Run{ended("old", 60, 5), ended("new", 30, 5), ended("bad", 60, 5, failed)},
			rules:  Rules{TTL: hour},
			want:   []string{"delete old: ttl, 5 bytes", "next in 30m0s", "10 bytes of 15 are left"},
		},
		"OwnTimeToLive": {
			reason: "A run can have its own, and an endless one.",
			runs: []Run{
				ended("short", 10, 5, func(r *Run) { r.TTL = new(5 * time.Minute) }),
				ended("endless", 999, 5, func(r *Run) { r.TTL = new(-time.Second) }),
			},
			rules: Rules{TTL: hour},
			want:  []string{"delete short: ttl, 5 bytes", "5 bytes of 10 are left"},
		},
		"History": {
			reason: "The latest run of each Pipeline and outcome stays.",
			runs: []Run{
				ended("a1", 3, 1), ended("a2", 2, 1), ended("a3", 1, 1), ended("f1", 5, 1, failed), ended("f2", 4, 1, failed),
				ended("b1", 9, 1, source("test")),
			},
			rules: Rules{History: map[Outcome]int{Successful: 1, Failed: 1}},
			want:  []string{"delete f1: history, 1 bytes", "delete a1: history, 1 bytes", "delete a2: history, 1 bytes", "3 bytes of 6 are left"},
		},
		"HistoryOfOneOutcome": {
			reason: "Failed runs have no limit here.",
			runs:   []Run{ended("f1", 5, 1, failed), ended("f2", 4, 1, failed), ended("a1", 3, 1)},
			rules:  Rules{History: map[Outcome]int{Successful: 0}},
			want:   []string{"delete a1: history, 1 bytes", "2 bytes of 3 are left"},
		},
		"ExpiredTakesNoPlace": {
			reason: "A run that goes by its own time to live does not push out an older one.",
			runs:   []Run{ended("a", 9, 1), ended("b", 2, 1, func(r *Run) { r.TTL = new(time.Duration(0)) })},
			rules:  Rules{History: map[Outcome]int{Successful: 1}},
			want:   []string{"delete b: ttl, 1 bytes", "1 bytes of 2 are left"},
		},
		"Bytes": {
			reason: "The oldest runs go until the others have room, with the bytes of their children.",
			runs: []Run{
				ended("a", 9, 1), ended("a-task", 9, 40, childOf("a")), ended("b", 5, 1), ended("b-task", 5, 40, childOf("b")),
				ended("c", 2, 50),
			},
			rules: Rules{Bytes: 100},
			want:  []string{"delete a: bytes, 41 bytes", "91 bytes of 132 are left"},
		},
		"BytesWithHistory": {
			reason: "What goes for another reason makes room.",
			runs:   []Run{ended("a", 9, 60), ended("x", 8, 60, source("test")), ended("b", 5, 60)},
			rules:  Rules{Bytes: 120, History: map[Outcome]int{Successful: 1}},
			want:   []string{"delete a: history, 60 bytes", "120 bytes of 180 are left"},
		},
		"Obstacles": {
			reason: "A run stays if it, or one that it owns, is kept, is under way, awaits its signature, or has an invalid annotation.",
			runs: []Run{
				ended("kept", 300, 1, kept),
				ended("owner", 290, 1), ended("child", 290, 1, childOf("owner"), kept),
				ended("busy", 280, 1), ended("task", 0, 0, childOf("busy"), running),
				ended("unsigned", 270, 1, awaited),
				ended("typo", 260, 1, func(r *Run) { r.Invalid = "annotation" }),
				ended("signed", 250, 1, awaited, func(r *Run) { r.Signed = true }),
			},
			rules: Rules{TTL: hour},
			want: []string{
				"delete signed: ttl, 1 bytes", "keep kept: ttl, but keep annotation", "keep owner: ttl, but keep annotation",
				"keep busy: ttl, but a run that it owns is under way", "keep unsigned: ttl, but not signed yet",
				"keep typo: ttl, but invalid annotation", "6 bytes of 7 are left",
			},
		},
		"AwaitSignature": {
			reason: "A setting can make every run wait for Chains.",
			runs:   []Run{ended("a", 300, 1), ended("b", 300, 1, func(r *Run) { r.Signed = true })},
			rules:  Rules{TTL: hour, AwaitSignature: true},
			want:   []string{"delete b: ttl, 1 bytes", "keep a: ttl, but not signed yet", "1 bytes of 2 are left"},
		},
		"AwaitSignatureOfChildren": {
			reason: "The runs that it owns go with it, so Chains must have signed these, too.",
			runs: []Run{
				ended("a", 300, 1, signed), ended("a-task", 300, 1, childOf("a")),
				ended("b", 290, 1, signed), ended("b-task", 290, 1, childOf("b"), signed),
			},
			rules: Rules{TTL: hour, AwaitSignature: true},
			want:  []string{"delete b: ttl, 2 bytes", "keep a: ttl, but not signed yet", "2 bytes of 4 are left"},
		},
		"Refused": {
			reason: "A run that the API server does not delete stays, and the next ones go in its place.",
			runs:   []Run{ended("a", 9, 50, refused), ended("b", 8, 50), ended("c", 7, 50)},
			rules:  Rules{Bytes: 100},
			want:   []string{"delete b: bytes, 50 bytes", "keep a: bytes, but the API server has refused its deletion", "100 bytes of 150 are left"},
		},
		"CustomRunUnderWay": {
			reason: "A PipelineRun that gave up on a custom task has ended, and its CustomRun still runs: it would be deleted with it.",
			runs:   []Run{ended("a", 300, 1), ended("a-approve", 0, 0, childOf("a"), running, custom)},
			rules:  Rules{TTL: hour},
			want:   []string{"keep a: ttl, but a run that it owns is under way", "1 bytes of 1 are left"},
		},
		"CustomRunOfNested": {
			reason: "So does one two levels down.",
			runs: []Run{
				ended("a", 300, 1), ended("a-inner", 290, 1, childOf("a"), func(r *Run) { r.Kind = v1.KindPipelineRun }),
				ended("a-approve", 0, 0, childOf("a-inner"), running, custom),
			},
			rules: Rules{History: map[Outcome]int{Successful: 0}},
			want:  []string{"keep a: history, but a run that it owns is under way", "2 bytes of 2 are left"},
		},
		"CustomRunThatEnded": {
			reason: "It goes with its PipelineRun, also if Chains must have signed that.",
			runs:   []Run{ended("a", 300, 1, signed), ended("a-approve", 200, 0, childOf("a"), custom)},
			rules:  Rules{TTL: hour, AwaitSignature: true},
			want:   []string{"delete a: ttl, 1 bytes", "0 bytes of 1 are left"},
		},
		"CustomRunAlone": {
			reason: "One that no run owns is not the controller's to delete.",
			runs:   []Run{ended("a", 300, 0, custom)},
			rules:  Rules{TTL: hour, History: map[Outcome]int{Successful: 0}, Bytes: 1},
			want:   []string{"0 bytes of 0 are left"},
		},
		"EventsAreDue": {
			reason: "A controller that restarts needs the run to send its events, and those of the runs that it owns.",
			runs: []Run{
				ended("a", 4, 1, unsent), ended("b", 3, 1), ended("b-task", 3, 1, childOf("b"), unsent), ended("c", 2, 1),
			},
			rules: Rules{History: map[Outcome]int{Successful: 0}, Events: true},
			want: []string{
				"delete c: history, 1 bytes", "keep a: history, but its CloudEvents are not sent yet",
				"keep b: history, but its CloudEvents are not sent yet", "next in 6m0s", "3 bytes of 4 are left",
			},
		},
		"EventsAreDueForLong": {
			reason: "A sink that is down for ten minutes does not keep runs any longer.",
			runs:   []Run{ended("a", 10, 1, unsent)},
			rules:  Rules{History: map[Outcome]int{Successful: 0}, Events: true},
			want:   []string{"delete a: history, 1 bytes, events are lost", "0 bytes of 1 are left"},
		},
		"EventsAreDueBeforeTheTimeToLiveEnds": {
			reason: "The run goes when both times are over.",
			runs:   []Run{ended("a", 1, 1, unsent), ended("b", 1, 1)},
			rules:  Rules{TTL: map[Outcome]time.Duration{Successful: 20 * time.Minute}, Events: true},
			want:   []string{"next in 19m0s", "2 bytes of 2 are left"},
		},
		"EventsAreDueAndBytes": {
			reason: "The limit for bytes does not wait for a sink, or a sink that is down would fill etcd. The oldest run goes first, as always.",
			runs:   []Run{ended("a", 3, 50, unsent), ended("b", 2, 50), ended("c", 1, 50, unsent)},
			rules:  Rules{Bytes: 100, Events: true},
			want:   []string{"delete a: bytes, 50 bytes, events are lost", "100 bytes of 150 are left"},
		},
		"EventsAreDueTakeRoom": {
			reason: "A run that stays for its events still has its bytes, so that it is deleted when these are too many.",
			runs:   []Run{ended("a", 3, 80, unsent), ended("b", 2, 40, unsent), ended("c", 1, 20)},
			rules:  Rules{Bytes: 70, History: map[Outcome]int{Successful: 1}, Events: true},
			want: []string{
				"delete a: bytes, 80 bytes, events are lost", "keep b: history, but its CloudEvents are not sent yet", "next in 8m0s",
				"60 bytes of 140 are left",
			},
		},
		"EventsAreDueGoBeforeOthers": {
			reason: "A run that another rule has selected makes room before an older one that no other rule has selected.",
			runs: []Run{
				ended("a", 100, 50, func(r *Run) { r.Source = "quiet" }), ended("b", 3, 50, unsent), ended("c", 2, 50),
			},
			rules: Rules{Bytes: 100, History: map[Outcome]int{Successful: 1}, Events: true},
			want:  []string{"delete b: bytes, 50 bytes, events are lost", "100 bytes of 150 are left"},
		},
		"EventsAreDueAndSettling": {
			reason: "A run that goes for its bytes within seconds does not stay for its events.",
			runs:   []Run{ended("a", 0, 50, unsent)},
			rules:  Rules{Bytes: 10, Events: true},
			want:   []string{"next in 30s", "50 bytes of 50 are left"},
		},
		"EventsWithoutASink": {
			reason: "Without a sink no event will be sent.",
			runs:   []Run{ended("a", 4, 1, unsent)},
			rules:  Rules{History: map[Outcome]int{Successful: 0}},
			want:   []string{"delete a: history, 1 bytes", "0 bytes of 1 are left"},
		},
		"EventsAreDueAndKept": {
			reason: "What else keeps a run is named first.",
			runs:   []Run{ended("a", 4, 1, unsent, kept)},
			rules:  Rules{History: map[Outcome]int{Successful: 0}, Events: true},
			want:   []string{"keep a: history, but keep annotation", "1 bytes of 1 are left"},
		},
		"Settling": {
			reason: "A run that ended a moment ago stays for its clients.",
			runs:   []Run{ended("a", 0, 50), ended("b", 1, 50)},
			rules:  Rules{Bytes: 10},
			want:   []string{"delete b: bytes, 50 bytes", "next in 30s", "50 bytes of 100 are left"},
		},
		"Leaving": {
			reason: "What is being deleted, and a child without its owner, has no bytes that a deletion could free.",
			runs: []Run{
				ended("a", 9, 90, func(r *Run) { r.Leaving = true }), ended("a-task", 9, 90, childOf("a")),
				ended("orphan", 9, 90, childOf("gone")), ended("b", 5, 10),
			},
			rules: Rules{Bytes: 10},
			want:  []string{"10 bytes of 10 are left"},
		},
		"Nested": {
			reason: "A PipelineRun within another one goes with the outer one.",
			runs: []Run{
				ended("task", 9, 4, childOf("inner")), ended("inner", 9, 2, childOf("outer")), ended("outer", 9, 1),
			},
			rules: Rules{History: map[Outcome]int{Successful: 0}},
			want:  []string{"delete outer: history, 7 bytes", "0 bytes of 7 are left"},
		},
		"Circle": {
			reason: "Owners in a circle, which no controller makes, do not stop the decision.",
			runs:   []Run{ended("a", 9, 1, childOf("b")), ended("b", 9, 1, childOf("a"))},
			rules:  Rules{Bytes: 1},
			want:   []string{"0 bytes of 0 are left"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := gocmp.Diff(tc.want, shown(Decide(tc.runs, tc.rules, noon))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// drawn draws runs: some are under way, kept, signed or leaving, and some own others.
func drawn(t *rapid.T) []Run {
	runs := make([]Run, rapid.IntRange(0, 40).Draw(t, "runs"))
	for i := range runs {
		r := ended(fmt.Sprintf("run-%d", i), rapid.IntRange(0, 20).Draw(t, "minutes"), rapid.Int64Range(0, 9).Draw(t, "bytes"))
		r.Source = rapid.SampledFrom([]string{"build", "test", ""}).Draw(t, "source")
		r.Outcome = rapid.SampledFrom([]Outcome{Successful, Successful, Failed, UnderWay}).Draw(t, "outcome")
		if r.Outcome == UnderWay {
			running(&r)
		}
		if owner := rapid.IntRange(-2*len(runs), len(runs)-1).Draw(t, "owner"); owner >= 0 {
			childOf(fmt.Sprintf("run-%d", owner))(&r)
		}
		few := func(name string) bool { return rapid.IntRange(0, 7).Draw(t, name) == 0 }
		r.Keep, r.Awaited, r.Leaving = few("keep"), few("awaited"), few("leaving")
		r.Signed, r.Refused, r.Unsent = !few("unsigned"), few("refused"), few("unsent")
		r.Stamped = rapid.Bool().Draw(t, "stamped")
		if few("custom") {
			custom(&r)
		}
		if few("own") {
			r.TTL = new(time.Duration(rapid.IntRange(-1, 900).Draw(t, "ttl")) * time.Second)
		}
		if few("invalid") {
			r.Invalid = "annotation"
		}
		runs[i] = r
	}
	return runs
}

func drawnRules(t *rapid.T) Rules {
	r := Rules{TTL: map[Outcome]time.Duration{}, History: map[Outcome]int{}, Bytes: rapid.Int64Range(0, 60).Draw(t, "limit")}
	for _, o := range []Outcome{Successful, Failed} {
		if rapid.Bool().Draw(t, "expires") {
			r.TTL[o] = time.Duration(rapid.IntRange(0, 1200).Draw(t, "seconds")) * time.Second
		}
		if rapid.Bool().Draw(t, "limited") {
			r.History[o] = rapid.IntRange(0, 4).Draw(t, "history")
		}
	}
	r.AwaitSignature = rapid.IntRange(0, 9).Draw(t, "await") == 0
	r.Events = rapid.Bool().Draw(t, "events")
	return r
}

// without returns the runs that are there after the deletions: Kubernetes deletes children with their owner.
func without(runs []Run, d Decision) []Run {
	gone := map[types.UID]bool{}
	for _, one := range d.Delete {
		gone[one.Run.UID] = true
	}
	for range runs { // each round finds one more level of children
		for i := range runs {
			gone[runs[i].UID] = gone[runs[i].UID] || runs[i].Child && gone[runs[i].Owner]
		}
	}
	return slices.DeleteFunc(slices.Clone(runs), func(r Run) bool { return gone[r.UID] })
}

// TestDecideNever: whatever the runs and rules are, no run goes that is under way, kept, a child, or the owner of such a run, and none for
// its age or number while its events are due; the next decision has nothing to do; and the order of the runs does not matter.
func TestDecideNever(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs, rules := drawn(t), drawnRules(t)
		d := Decide(runs, rules, noon)
		after := without(runs, d)
		left := map[types.UID]bool{}
		for i := range after {
			left[after[i].UID] = true
		}
		for i := range runs {
			if r := &runs[i]; !left[r.UID] && (r.Outcome == UnderWay || r.Keep || r.Invalid != "" || r.Refused && !r.Child ||
				(r.Awaited || rules.AwaitSignature && r.Kind != v1beta1.KindCustomRun) && !r.Signed || r.Kind == v1beta1.KindCustomRun && !r.Child) {
				t.Fatalf("%+v goes", *r)
			}
		}
		for _, one := range d.Delete {
			if one.Run.Child || one.Run.Leaving || one.Run.Ended.Add(Settle).After(noon) {
				t.Fatalf("%+v goes", one.Run)
			}
			if one.Unsent && one.Reason != Bytes && one.Run.Ended.Add(SendWithin).After(noon) {
				t.Fatalf("%+v goes before its events", one.Run)
			}
		}
		if again := Decide(after, rules, noon); len(again.Delete) > 0 || again.Held != d.Left {
			t.Fatalf("want nothing more to do and %d bytes, got %+v", d.Left, again)
		}
		if got := Decide(rapid.Permutation(runs).Draw(t, "order"), rules, noon); gocmp.Diff(d, got) != "" {
			t.Fatalf("in another order (-want +got):\n%s", gocmp.Diff(d, got))
		}
	})
}

// TestDecideHolds: after the deletions each limit holds, except for what an obstacle keeps and what has not settled.
func TestDecideHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs, rules := drawn(t), drawnRules(t)
		after := trees(without(runs, Decide(runs, rules, noon)))
		counts, bytes, movable := map[string]int{}, int64(0), int64(0)
		for _, one := range after {
			bytes += one.bytes
			if one.obstacle(rules) != "" || one.root.Ended.Add(Settle).After(noon) {
				continue
			}
			movable += one.bytes
			if rules.Events && one.unsent && one.root.Ended.Add(SendWithin).After(noon) {
				continue // only the limit for bytes holds for it now
			}
			ttl, limited := rules.TTL[one.root.Outcome]
			if own := one.root.TTL; own != nil {
				ttl, limited = *own, *own >= 0
			}
			if limited && !one.root.Ended.Add(ttl).After(noon) {
				t.Fatalf("the time to live of %+v has ended", *one.root)
			}
			counts[fmt.Sprint(one.root.Kind, one.root.Source, one.root.Outcome)]++
			limit, limited := rules.History[one.root.Outcome]
			if limited && counts[fmt.Sprint(one.root.Kind, one.root.Source, one.root.Outcome)] > limit {
				t.Fatalf("more than %d runs are left like %+v", limit, *one.root)
			}
		}
		if rules.Bytes > 0 && movable > 0 && bytes-unsettled(after, rules) > rules.Bytes {
			t.Fatalf("want at most %d bytes, got %d", rules.Bytes, bytes)
		}
	})
}

// unsettled returns the bytes of the runs that nothing but their age keeps.
func unsettled(all []*tree, rules Rules) int64 {
	var bytes int64
	for _, one := range all {
		if one.obstacle(rules) == "" && one.root.Ended.Add(Settle).After(noon) {
			bytes += one.bytes
		}
	}
	return bytes
}

// TestDecideNext: when a decision says that nothing more happens before a time, a decision just before it deletes nothing more, and one at
// that time deletes something. If the mark is to say when events are sent, there can be several decisions before that, for ten minutes.
func TestDecideNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs, rules := drawn(t), drawnRules(t)
		d := Decide(runs, rules, noon)
		after := without(runs, d)
		if d.Next.IsZero() {
			if late := Decide(after, rules, noon.Add(24*time.Hour)); len(late.Delete) > 0 {
				t.Fatalf("want nothing more, got %+v", late.Delete)
			}
			return
		}
		if !d.Next.After(noon) {
			t.Fatalf("want a time in the future, got %s", d.Next)
		}
		if early := Decide(after, rules, d.Next.Add(-time.Second)); len(early.Delete) > 0 {
			t.Fatalf("want nothing before %s, got %+v", d.Next, early.Delete)
		}
		marked := slices.ContainsFunc(after, func(r Run) bool { return r.Unsent && r.Stamped })
		for at, looks := d.Next, 0; ; looks++ {
			then := Decide(after, rules, at)
			if len(then.Delete) > 0 {
				return
			}
			if !marked || looks > int(SendWithin/Settle) || !then.Next.After(at) {
				t.Fatalf("want a deletion at %s, or a later decision than that, got one at %s after %d others", at, then.Next, looks)
			}
			at = then.Next
		}
	})
}

// TestDecideCost: a namespace of ten thousand runs takes n log n comparisons, also in the worst order for history and bytes.
func TestDecideCost(t *testing.T) {
	const n = 10_000
	runs := make([]Run, n)
	for i := range runs {
		runs[i] = ended(fmt.Sprintf("run-%d", i), 1+(i*7919)%n, 1, source(fmt.Sprint(i%100)))
	}
	comparisons := 0
	d := decide(runs, Rules{History: map[Outcome]int{Successful: 10}, Bytes: 500}, noon, func(a, b *tree) int {
		comparisons++
		return older(a, b)
	})
	if len(d.Delete) != n-500 {
		t.Errorf("want 500 runs left, got %d", n-len(d.Delete))
	}
	if most := int(2 * n * math.Log2(n)); comparisons > most {
		t.Errorf("want at most %d comparisons, got %d", most, comparisons)
	}
	if !slices.IsSortedFunc(d.Delete, func(a, b Deletion) int { return cmp.Compare(a.Run.Ended.Unix(), b.Run.Ended.Unix()) }) {
		t.Error("want the oldest first")
	}
}

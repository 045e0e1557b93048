package disturb

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	cases := map[string]struct {
		reason string
		length time.Duration
		nodes  int
		whole  bool
		quiet  time.Duration
	}{
		"TwoMinutes": {
			reason: "A run in CI has some of the kinds.",
			length: 2 * time.Minute,
			nodes:  1,
			quiet:  24 * time.Second,
		},
		"NineMinutes": {
			reason: "Less than ten minutes need not have all kinds.",
			length: 9 * time.Minute,
			nodes:  1,
			quiet:  108 * time.Second,
		},
		"TenMinutes": {
			reason: "The run of the release checklist has every kind.",
			length: 10 * time.Minute,
			nodes:  1,
			whole:  true,
			quiet:  quietAtEnd,
		},
		"TwelveMinutesOfThreeNodes": {
			reason: "The kinds for several nodes need two more minutes.",
			length: 12 * time.Minute,
			nodes:  3,
			whole:  true,
			quiet:  quietAtEnd,
		},
		"ThirtyMinutes": {
			reason: "A longer one has them more than once.",
			length: 30 * time.Minute,
			nodes:  1,
			whole:  true,
			quiet:  quietAtEnd,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(200) {
				plan := Plan(seed, tc.length, tc.nodes)
				wantApart(t, plan)
				if end := over(plan); end > tc.length-tc.quiet {
					t.Errorf("%s\nseed %d: the last disturbance ends at %s", tc.reason, seed, end)
				}
				if missing := missingFrom(plan, tc.nodes); tc.whole && len(missing) > 0 {
					t.Errorf("%s\nseed %d: it has no %q", tc.reason, seed, missing)
				}
			}
		})
	}
}

// wantApart fails the test unless each disturbance begins after the previous one was repaired.
func wantApart(t *testing.T, plan []Disturbance) {
	t.Helper()
	if len(plan) == 0 {
		t.Fatal("nothing is disturbed")
	}
	for i, d := range plan[1:] {
		before := plan[i]
		if pause := d.At - before.At - before.For - profileOf(before.Kind).mending; pause < shortestPause {
			t.Errorf("%s at %s follows %s at %s too closely", d.Kind, d.At, before.Kind, before.At)
		}
	}
}

func missingFrom(plan []Disturbance, nodes int) []string {
	missing := Kinds(nodes)
	for _, d := range plan {
		missing = slices.DeleteFunc(missing, func(kind string) bool { return kind == d.Kind })
	}
	return missing
}

func TestPlanIsReplayed(t *testing.T) {
	if diff := cmp.Diff(Plan(7, time.Hour, 3), Plan(7, time.Hour, 3)); diff != "" {
		t.Errorf("the same seed gives another plan:\n%s", diff)
	}
	if cmp.Equal(Plan(7, time.Hour, 3), Plan(8, time.Hour, 3)) {
		t.Error("another seed gives the same plan")
	}
}

// TestOneNodeIsNeverCutOff: a cluster of one node has no kind that ends its control plane.
func TestOneNodeIsNeverCutOff(t *testing.T) {
	for nodes, want := range map[int]bool{1: false, 2: true} {
		for _, kind := range []string{SeparateNode, CutPower} {
			if got := slices.Contains(Kinds(nodes), kind); got != want {
				t.Errorf("%d nodes: kind %s: want %t, got %t", nodes, kind, want, got)
			}
		}
	}
}

// TestKindsAreDocumented: the page must explain each kind of fault in a report, and which runs it may affect.
func TestKindsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/chaos.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range profiles() {
		for _, line := range slices.Collect(strings.Lines(string(page))) {
			if !strings.HasPrefix(line, "| `") || !strings.Contains(line, "`"+p.kind+"`") {
				continue
			}
			p.kind = ""
			if (p.blast == Spares) != strings.Contains(line, "| none") {
				t.Errorf("the page does not say that %s may fail: %s", p.blast, line)
			}
			break
		}
		if p.kind != "" {
			t.Errorf("docs/chaos.md does not describe the kind %s", p.kind)
		}
	}
}

func TestProfiles(t *testing.T) {
	for _, p := range profiles() {
		switch {
		case p.shortest > p.longest, p.mending <= 0:
			t.Errorf("%s lasts %s to %s and is mended in %s", p.kind, p.shortest, p.longest, p.mending)
		case (p.blast == Spares) != (len(p.reasons) == 0):
			t.Errorf("%s: %s may fail, with the reasons %q", p.kind, p.blast, p.reasons)
		case p.kind != DenyLogs && p.longest+5*time.Second > ResultsDeadline:
			t.Errorf("%s may last %s, but runs must survive it in %s", p.kind, p.longest, ResultsDeadline)
		case p.kind == DenyLogs && p.shortest <= ResultsDeadline:
			t.Errorf("%s may last %s, which does not outlast the deadline", p.kind, p.shortest)
		}
	}
	kinds := Kinds(3)
	slices.Sort(kinds)
	if unique := slices.Compact(slices.Clone(kinds)); len(unique) != len(kinds) {
		t.Errorf("duplicate kind: %q", kinds)
	}
	if got := Destructive("none such"); got != Spares {
		t.Errorf("an unknown kind has the blast %q", got)
	}
}

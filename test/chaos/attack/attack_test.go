package attack

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/validation"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

const seed = 3

func setting() Setting {
	return Setting{Namespace: "here", Image: "image", Registries: make([]string, Registries)}
}

// TestMake: attacks follow from their numbers alone, every kind occurs, and the API accepts each object except the oversized
// ones.
func TestMake(t *testing.T) {
	seen := map[string]int{}
	for number := range 20 * len(Kinds()) {
		a := Make(seed, number)
		again := Make(seed, number)
		if diff := cmp.Diff(a, again); diff != "" {
			t.Errorf("attack %d differs the second time:\n%s", number, diff)
		}
		if d := a.Deadline(); d < outages || d >= Unlimited/2 {
			t.Errorf("attack %d has %s", number, d)
		}
		seen[a.Kind]++
		seen[a.From]++
		if a.Kind == Oversized {
			continue
		}
		switch o := a.Object(setting()).(type) {
		case *v1.TaskRun:
			validation.DefaultTaskRun(o)
			if errs := validation.TaskRun(o); len(errs) > 0 {
				t.Errorf("attack %d (%s) is refused: %v", number, a.Kind, errs)
			}
		case *v1.PipelineRun:
			validation.DefaultPipelineRun(o)
			if errs := validation.PipelineRun(o); len(errs) > 0 {
				t.Errorf("attack %d (%s) is refused: %v", number, a.Kind, errs)
			}
		}
		if diff := cmp.Diff(a.Object(setting()), again.Object(setting())); diff != "" {
			t.Errorf("the object of attack %d differs the second time:\n%s", number, diff)
		}
	}
	for _, what := range append(Kinds(), kube.SidecarLogs, kube.TerminationMessage) {
		if seen[what] == 0 {
			t.Errorf("none of %d attacks is %q", 20*len(Kinds()), what)
		}
	}
}

// TestOtherSeedOtherAttacks: another seed gives other attacks.
func TestOtherSeedOtherAttacks(t *testing.T) {
	for number := range len(Kinds()) {
		if cmp.Diff(Make(seed, number).Steps, Make(seed+1, number).Steps) != "" {
			return
		}
	}
	t.Error("one attack of each kind is the same with another seed")
}

// TestExpectations: the actions of the steps determine the expected outcome.
func TestExpectations(t *testing.T) {
	forged := []Step{
		{Deeds: []Deed{{Do: DoWrite, N: 5, Name: "a"}, {Do: DoForge}, {Do: DoWrite, N: 7, Name: "b"}}},
		{Deeds: []Deed{{Do: DoWrite, N: 9, Name: "c"}}},
	}
	cases := map[string]struct {
		reason   string
		attack   Attack
		values   map[string]int
		poison   map[int]bool
		deadline time.Duration
	}{
		"Forged": {
			reason:   "What a step writes after its forged end is poison, and what other steps write is not.",
			attack:   Attack{Kind: Forged, Steps: forged, Timeout: Unlimited},
			values:   map[string]int{"a": 5, "b": 7, "c": 9},
			poison:   map[int]bool{7: true},
			deadline: outages + startTime,
		},
		"Filling": {
			reason:   "The result of an honest step is required.",
			attack:   Attack{Kind: Filling, Steps: forged[1:], Timeout: Unlimited},
			values:   map[string]int{"c": 9},
			poison:   map[int]bool{},
			deadline: outages + startTime,
		},
		"Tarpit": {
			reason:   "The timeout of the run sets the deadline.",
			attack:   Attack{Kind: Tarpit, Timeout: time.Second},
			values:   map[string]int{},
			poison:   map[int]bool{},
			deadline: outages + startTime + time.Second,
		},
		"Waits": {
			reason:   "The duration of the steps sets the deadline.",
			attack:   Attack{Timeout: Unlimited, Steps: []Step{{Deeds: []Deed{{Do: DoWait, N: 2000}, {Do: DoWait, N: forever}}}}},
			values:   map[string]int{},
			poison:   map[int]bool{},
			deadline: outages + startTime + 2*time.Second,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.values, tc.attack.Values()); diff != "" {
				t.Errorf("%s Values (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.poison, tc.attack.Poison()); diff != "" {
				t.Errorf("%s Poison (-want +got):\n%s", tc.reason, diff)
			}
			if got := tc.attack.Deadline(); got != tc.deadline {
				t.Errorf("%s Want a deadline of %s, got %s", tc.reason, tc.deadline, got)
			}
		})
	}
}

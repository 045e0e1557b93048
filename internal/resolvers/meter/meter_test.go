package meter

import (
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-ci/sluice/internal/version"
)

// TestSeries: the number of series does not depend on what resolvers and hosts say.
func TestSeries(t *testing.T) {
	registry, m := prometheus.NewPedanticRegistry(), New(version.Info{Number: "v1", Revision: "abc", Go: "go1.26"})
	none := func() int { return 0 }
	if err := m.Register(registry, Loads{Fetches: none, Requests: none, Kept: func() (int, int) { return 2, 3 }}); err != nil {
		t.Fatal(err)
	}
	for _, reason := range []string{"ResolutionSuccessful", "ResolutionFailed", "Own1", "Own2"} {
		m.Answered("git", reason, time.Second)
	}
	m.Fetched("git", time.Second, nil)
	m.Fetched("git", time.Second, errors.New("text of a host"))
	m.Shared("git", "cache")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, family := range families {
		got[family.GetName()] = len(family.GetMetric())
	}
	for name, want := range map[string]int{
		"sluice_resolvers_answered_total": 3, "sluice_resolvers_answer_seconds": 1, "sluice_resolvers_fetches_total": 2,
		"sluice_resolvers_fetch_seconds": 1, "sluice_resolvers_shared_total": 1, "sluice_resolvers_build_info": 1,
		"sluice_resolvers_fetching": 1, "sluice_resolvers_requests": 1, "sluice_resolvers_cached": 1, "sluice_resolvers_cached_bytes": 1,
	} {
		if got[name] != want {
			t.Errorf("want %d series of %s, got %d", want, name, got[name])
		}
	}
}

package disturb

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// TestMendGoesOn: what was broken last is mended first, and what cannot be mended does not keep the rest broken.
func TestMendGoesOn(t *testing.T) {
	s := &scene{}
	var order []string
	for _, one := range []struct {
		name string
		err  error
	}{{name: "first"}, {name: "node", err: errors.New("the node stays closed")}, {name: "last"}} {
		s.later(func(context.Context) error {
			order = append(order, one.name)
			return one.err
		})
	}
	err := s.mend(t.Context())
	if err == nil || !strings.Contains(err.Error(), "stays closed") {
		t.Errorf("what cannot be mended has to be told: %v", err)
	}
	if diff := cmp.Diff([]string{"last", "node", "first"}, order); diff != "" {
		t.Errorf("mended in another order:\n%s", diff)
	}
}

// TestRunEndsBetweenDisturbances: a run that is broken off while nothing is broken leaves everything alone.
func TestRunEndsBetweenDisturbances(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	plan := []Disturbance{{Kind: KillController, At: time.Hour}}
	told := func(e Event) { t.Errorf("%s took place", e.Kind) }
	if err := New(&kube.Cluster{}, Options{}).Run(ctx, plan, told); err != nil {
		t.Errorf("to be broken off is no failure: %v", err)
	}
}

func TestUnknownKind(t *testing.T) {
	s := &scene{Disturbance: Disturbance{Kind: "meteor"}}
	if err := s.inflict(t.Context()); err == nil || !strings.Contains(err.Error(), "meteor") {
		t.Errorf("a kind that there is not has to be named: %v", err)
	}
}

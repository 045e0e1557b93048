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

// TestMendContinuesAfterAFailure: the last disturbance is repaired first, and a repair that fails does not stop the others.
func TestMendContinuesAfterAFailure(t *testing.T) {
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
		t.Errorf("the failed repair is not reported: %v", err)
	}
	if diff := cmp.Diff([]string{"last", "node", "first"}, order); diff != "" {
		t.Errorf("repairs in another order:\n%s", diff)
	}
}

// TestRunEndsBetweenDisturbances: an interrupted run changes nothing if nothing is broken at that time.
func TestRunEndsBetweenDisturbances(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	plan := []Disturbance{{Kind: KillController, At: time.Hour}}
	told := func(e Event) { t.Errorf("%s took place", e.Kind) }
	if err := New(&kube.Cluster{}, Options{}).Run(ctx, plan, told); err != nil {
		t.Errorf("an interruption was reported as a failure: %v", err)
	}
}

func TestUnknownKind(t *testing.T) {
	s := &scene{Disturbance: Disturbance{Kind: "meteor"}}
	if err := s.inflict(t.Context()); err == nil || !strings.Contains(err.Error(), "meteor") {
		t.Errorf("the error does not name the unknown kind: %v", err)
	}
}

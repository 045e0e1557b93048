package supervisor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// newObedient returns a supervisor that accepts orders, with a component "sleeper".
func newObedient(t *testing.T) *Supervisor {
	t.Helper()
	s := newTestSupervisor(t)
	healthy := func(context.Context) error { return nil }
	spec := component.Spec{Name: "sleeper", Path: "/bin/sleep", Args: []string{"600"}, Healthy: healthy}
	if _, err := s.start(spec); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.obey(context.Background(), order{Fault: Stop, Component: "sleeper"}); err != nil {
			t.Error(err)
		}
	})
	if err := s.serveOrders(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// recorded returns the supervisor's record of its only component.
func recorded(t *testing.T, s *Supervisor) state.Component {
	t.Helper()
	components, err := s.cluster.Dir.LoadComponents()
	if err != nil {
		t.Fatal(err)
	}
	if len(components) != 1 {
		t.Fatalf("one component has %d records: %+v", len(components), components)
	}
	return components[0]
}

func TestFaults(t *testing.T) {
	cases := map[string]struct {
		reason  string
		faults  []Fault
		ended   string
		paused  bool
		another bool
	}{
		"Stop":        {reason: "The record differs from that of a component that crashed.", faults: []Fault{Stop}, ended: stoppedOnRequest},
		"StopTwice":   {reason: "A stopped component stays stopped.", faults: []Fault{Stop, Stop}, ended: stoppedOnRequest},
		"StartAgain":  {reason: "A stopped component is started as before.", faults: []Fault{Stop, Start}, another: true},
		"StartTwice":  {reason: "A running component is not restarted.", faults: []Fault{Start, Start}},
		"Restart":     {reason: "The component is another process afterwards.", faults: []Fault{Restart}, another: true},
		"Pause":       {reason: "The process exists and is stopped.", faults: []Fault{Pause}, paused: true},
		"Resume":      {reason: "The component continues.", faults: []Fault{Pause, Resume}},
		"StopPaused":  {reason: "A paused component can be killed.", faults: []Fault{Pause, Stop}, ended: stoppedOnRequest},
		"StartPaused": {reason: "A paused component has not ended.", faults: []Fault{Pause, Start}, paused: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newObedient(t)
			before := recorded(t, s)
			for _, fault := range tc.faults {
				if err := Inflict(t.Context(), s.cluster.Dir, fault, "sleeper"); err != nil {
					t.Fatal(err)
				}
			}
			after := recorded(t, s)
			if after.Ended != tc.ended {
				t.Errorf("%s\nthe recorded end is %q, want %q", tc.reason, after.Ended, tc.ended)
			}
			if another := after.Process != before.Process; another != tc.another {
				t.Errorf("%s\nanother process: %t, want %t", tc.reason, another, tc.another)
			}
			if paused := state.Paused(after.Process.PID); paused != tc.paused {
				t.Errorf("%s\npaused: %t, want %t", tc.reason, paused, tc.paused)
			}
			if alive := after.Process.Alive(); alive != (tc.ended == "") {
				t.Errorf("%s\nit runs: %t", tc.reason, alive)
			}
		})
	}
}

func TestUnknownFaults(t *testing.T) {
	s := newObedient(t)
	cases := map[string]struct {
		reason    string
		fault     Fault
		component string
		want      string
	}{
		"Component": {reason: "The error lists the known components.", fault: Stop, component: "kubelt", want: "the components are sleeper"},
		"Fault":     {reason: "An unknown fault must not be reported as done.", fault: "tickle", component: "sleeper", want: "unknown fault"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := Inflict(t.Context(), s.cluster.Dir, tc.fault, tc.component)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nerror is %v, want %q in it", tc.reason, err, tc.want)
			}
		})
	}
	if err := Inflict(t.Context(), s.cluster.Dir, Stop, "sleeper"); err != nil {
		t.Fatal(err)
	}
	if err := Inflict(t.Context(), s.cluster.Dir, Pause, "sleeper"); err == nil {
		t.Error("a component that has ended was paused")
	}
}

func TestOrdersReachAClusterWithALongName(t *testing.T) {
	s := newTestSupervisor(t)
	s.cluster.Dir = state.Dir(filepath.Join(t.TempDir(), strings.Repeat("long", 30)))
	if err := s.cluster.Dir.Make(); err != nil {
		t.Fatal(err)
	}
	// As if an earlier supervisor of the directory had been killed.
	if err := os.WriteFile(s.cluster.Dir.Control(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.serveOrders(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := Inflict(t.Context(), s.cluster.Dir, Stop, "none")
	if err == nil || !strings.Contains(err.Error(), "unknown component") {
		t.Errorf("no answer of the supervisor: %v", err)
	}
	info, err := os.Stat(s.cluster.Dir.Control())
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("other users may send orders: %v, %v", info.Mode(), err)
	}
}

func TestAnOrderWhoseCallerGaveUp(t *testing.T) {
	s := newObedient(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.orders.Lock() // blocks every order
	abandoned, abandon := context.WithCancel(ctx)
	abandon()
	if err := Inflict(abandoned, s.cluster.Dir, Stop, "sleeper"); err == nil {
		t.Error("an order that was given up was reported as done")
	}
	s.orders.Unlock()
	if err := Inflict(ctx, s.cluster.Dir, Restart, "sleeper"); err != nil {
		t.Errorf("no orders are accepted after one whose caller gave up: %v", err)
	}
}

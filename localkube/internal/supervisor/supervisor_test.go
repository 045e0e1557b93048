package supervisor

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// theChildren is the only instance in the test process, because it waits for every child that ends.
var theChildren = sync.OnceValue(newChildren)

func TestChildrenReportHowTheyEnd(t *testing.T) {
	c := theChildren()
	cases := map[string]struct {
		reason string
		script string
		want   string
	}{
		"Success": {reason: "An exit without an error is reported, too.", script: "true", want: "exited with status 0"},
		"Failure": {reason: "The exit status is reported.", script: "exit 7", want: "exited with status 7"},
		"Signal":  {reason: "A killed component has a signal and no exit status.", script: "kill -9 $$", want: "was ended by signal 9 (killed)"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			started, err := c.start(exec.Command("/bin/sh", "-c", tc.script))
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(<-started.ended); got != tc.want {
				t.Errorf("%s\ngot %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
	if _, err := c.start(exec.Command("/does/not/exist")); err == nil {
		t.Error("a program that is not there was started")
	}
	if err := c.run(exec.Command("/bin/sh", "-c", "exit 1")); err == nil {
		t.Error("no error for a command that fails")
	}
	if err := c.run(exec.Command("/bin/true")); err != nil {
		t.Error(err)
	}
}

func TestFollow(t *testing.T) {
	cases := map[string]struct {
		reason string
		events []Event
		steps  []string
		err    string
	}{
		"Ready": {
			reason: "All steps are shown before the cluster is ready.",
			events: []Event{{Step: "etcd", Took: time.Second}, {Ready: true}}, steps: []string{"etcd"},
		},
		"Failed": {
			reason: "The supervisor's error is returned.",
			events: []Event{{Step: "etcd"}, {Error: "cannot start"}}, steps: []string{"etcd"}, err: "cannot start",
		},
		"Died": {
			reason: "A supervisor that ends without an event has failed.",
			events: []Event{{Step: "etcd"}}, steps: []string{"etcd"}, err: ErrDied.Error(),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var pipe bytes.Buffer
			p := newProgress(&pipe)
			for _, e := range tc.events {
				p.report(e)
			}
			var steps []string
			err := follow(&pipe, func(e Event) { steps = append(steps, e.Step) })
			if diff := cmp.Diff(tc.steps, steps); diff != "" {
				t.Errorf("%s\nsteps -want +got:\n%s", tc.reason, diff)
			}
			if (err == nil) != (tc.err == "") || (err != nil && err.Error() != tc.err) {
				t.Errorf("%s\nerror is %v, want %q", tc.reason, err, tc.err)
			}
		})
	}
}

func TestProgressContinuesWithoutAReader(*testing.T) {
	reader, writer := io.Pipe()
	_ = reader.Close()
	newProgress(writer).report(Event{Step: "etcd"}) // must neither block nor end the supervisor
}

func TestStartRecordsAndWatches(t *testing.T) {
	s := newTestSupervisor(t)
	r, err := s.start(component.Spec{Name: "talker", Path: "/bin/sh", Args: []string{"-c", "echo $WORD; exit 3"}, Env: []string{"WORD=hello"}})
	if err != nil {
		t.Fatal(err)
	}
	<-r.ended
	components, err := s.cluster.Dir.LoadComponents()
	if err != nil {
		t.Fatal(err)
	}
	if len(components) != 1 || components[0].Name != "talker" || components[0].Ended != "exited with status 3" ||
		components[0].Process.PID == 0 {
		t.Errorf("recorded was %+v", components)
	}
	log, err := os.ReadFile(s.cluster.Dir.Log("talker"))
	if err != nil || string(log) != "hello\n" {
		t.Errorf("the log is %q, %v", log, err)
	}
}

func TestAwait(t *testing.T) {
	t.Run("Healthy", func(t *testing.T) {
		s := newTestSupervisor(t)
		asked := 0
		r := startSleeper(t, s, func(context.Context) error {
			if asked++; asked < 3 {
				return errors.New("not yet")
			}
			return nil
		})
		if err := s.await(t.Context(), r); err != nil {
			t.Errorf("a component that becomes healthy: %v", err)
		}
	})
	t.Run("Ended", func(t *testing.T) {
		s := newTestSupervisor(t)
		never := func(context.Context) error { return errors.New("not yet") }
		r, err := s.start(component.Spec{Name: "dies", Path: "/bin/false", Healthy: never})
		if err != nil {
			t.Fatal(err)
		}
		err = s.await(t.Context(), r)
		if err == nil || !strings.Contains(err.Error(), s.cluster.Dir.Log("dies")) {
			t.Errorf("the error does not name the log of the component that ended: %v", err)
		}
	})
	t.Run("Cancelled", func(t *testing.T) {
		s := newTestSupervisor(t)
		ctx, cancel := context.WithCancel(t.Context())
		r := startSleeper(t, s, func(context.Context) error {
			cancel()
			return errors.New("the socket is not there")
		})
		if err := s.await(ctx, r); err == nil {
			t.Error("a cancelled start was reported as done")
		}
	})
}

// startSleeper starts a component that lives until the test ends.
func startSleeper(t *testing.T, s *Supervisor, healthy component.Probe) *running {
	t.Helper()
	r, err := s.start(component.Spec{Name: "sleeper", Path: "/bin/sleep", Args: []string{"600"}, Healthy: healthy})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.child.process.End(time.Minute); err != nil {
			t.Error(err)
		}
		<-r.ended
	})
	return r
}

func newTestSupervisor(t *testing.T) *Supervisor {
	t.Helper()
	dir := state.Dir(t.TempDir())
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	return newSupervisor(component.Cluster{Dir: dir}, theChildren(), newProgress(io.Discard))
}

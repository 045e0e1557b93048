//go:build fault

package fault

import (
	"cmp"
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// localkube is the cluster under test.
func localkube(t *testing.T) machine.Localkube {
	t.Helper()
	dir := os.Getenv("LOCALKUBE_DIR")
	if dir == "" {
		t.Fatal("LOCALKUBE_DIR is not set: these tests break a localkube cluster; make test-fault starts one")
	}
	return machine.Localkube{Directory: dir, Program: cmp.Or(os.Getenv("LOCALKUBE"), "../../../bin/localkube")}
}

// inflict applies a fault or a repair to a component of the cluster: stop, start, restart, pause or resume.
func inflict(t *testing.T, fault, component string) {
	t.Helper()
	if err := localkube(t).Inflict(t.Context(), fault, component); err != nil {
		t.Fatal(err)
	}
}

// mendLater ensures that, when the test ends in any way, the component runs and the node accepts pods.
func mendLater(t *testing.T, c *kube.Cluster, component string) {
	t.Helper()
	l := localkube(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
		defer cancel()
		err := l.Inflict(ctx, machine.Start, component)
		if err == nil {
			err = l.Inflict(ctx, machine.Resume, component)
		}
		if err == nil {
			err = c.AwaitNode(ctx, true)
		}
		if err == nil {
			err = c.ControllerSettled(ctx)
		}
		if err != nil {
			t.Errorf("cannot repair the cluster: %v", err)
		}
	})
}

// send signals a process.
func send(t *testing.T, p machine.Process, signal unix.Signal) {
	t.Helper()
	if err := p.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// crawl resumes a paused process for short times until done returns true, and leaves it paused. It returns false if the
// process has ended, because on a busy machine a short time may be long.
func crawl(t *testing.T, p machine.Process, done func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		if p.Signal(unix.SIGCONT) != nil {
			return false
		}
		<-tick.C
		if p.Signal(unix.SIGSTOP) != nil {
			return false
		}
		if ctx.Err() != nil {
			t.Fatalf("process %d does not reach the expected state", p.PID)
		}
	}
	return p.Stands()
}

//go:build fault

package fault

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/kube"
	"github.com/sluice-ci/sluice/test/suite"
)

// directory is that of the localkube cluster under test.
func directory(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("LOCALKUBE_DIR")
	if dir == "" {
		t.Fatal("LOCALKUBE_DIR is not set: these tests break a localkube cluster; make test-fault starts one")
	}
	return dir
}

// inflict does something to a component of the cluster: stop, start, restart, pause or resume.
func inflict(t *testing.T, fault, component string) {
	t.Helper()
	if err := localkube(t.Context(), directory(t), fault, component); err != nil {
		t.Fatal(err)
	}
}

// mendLater makes sure that the component runs when the test is over, however it ends, and the node takes pods again.
func mendLater(t *testing.T, c *kube.Cluster, component string) {
	t.Helper()
	dir := directory(t)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
		defer cancel()
		err := localkube(ctx, dir, "start", component)
		if err == nil {
			err = localkube(ctx, dir, "resume", component)
		}
		if err == nil {
			err = awaitNode(ctx, c, corev1.ConditionTrue)
		}
		if err == nil {
			err = settled(ctx, c)
		}
		if err != nil {
			t.Errorf("the cluster cannot be mended: %v", err)
		}
	})
}

func localkube(ctx context.Context, dir, fault, component string) error {
	program := cmp.Or(os.Getenv("LOCALKUBE"), "../../bin/localkube")
	out, err := exec.CommandContext(ctx, program, "fault", fault, "--dir", dir, component).CombinedOutput()
	if err != nil {
		return errors.New(string(out) + err.Error())
	}
	return nil
}

// process is one of a container's.
type process struct {
	// pid is its number on this machine, inner the one in its container: the first process has number 1.
	pid, inner int
	// state is the letter of proc(5): T is paused.
	state string
}

// processesOf lists the processes of a container by its control group, which has the container's identity in its name.
func processesOf(container string) []process {
	_, id, _ := strings.Cut(container, "://")
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil || id == "" {
		return nil
	}
	var found []process
	for _, path := range groups {
		content, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(content, []byte(id)) {
			continue // of another container, or just ended
		}
		if p, ok := inspect(filepath.Dir(path)); ok {
			found = append(found, p)
		}
	}
	return found
}

// inspect reads what a process says of itself in its folder of /proc.
func inspect(folder string) (process, bool) {
	status, err := os.ReadFile(filepath.Join(folder, "status"))
	if err != nil {
		return process{}, false
	}
	var p process
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		switch {
		case len(fields) == 0:
		case key == "NSpid":
			p.inner, err = strconv.Atoi(fields[len(fields)-1])
		case key == "Pid":
			p.pid, err = strconv.Atoi(fields[0])
		case key == "State":
			p.state = fields[0]
		}
		if err != nil {
			return process{}, false
		}
	}
	return p, p.pid != 0
}

// send signals a process.
func send(t *testing.T, p process, signal unix.Signal) {
	t.Helper()
	if err := unix.Kill(p.pid, signal); err != nil {
		t.Fatalf("cannot signal process %d: %v", p.pid, err)
	}
}

// crawl lets a paused process go on for moments until done says so, and leaves it paused. It reports false when the process
// has ended meanwhile: on a busy machine a moment may be long.
func crawl(t *testing.T, p process, done func() bool) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		if unix.Kill(p.pid, unix.SIGCONT) != nil {
			return false
		}
		<-tick.C
		if unix.Kill(p.pid, unix.SIGSTOP) != nil {
			return false
		}
		if ctx.Err() != nil {
			t.Fatalf("process %d does not get there", p.pid)
		}
	}
	now, there := inspect(fmt.Sprintf("/proc/%d", p.pid))
	return there && now.inner == p.inner && now.state != "Z"
}

//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// mostMemory is what the results sidecar may take, in bytes.
const mostMemory = 8 << 20

// controlGroup is the kernel's book of the memory of one container, on the machine that the cluster runs on. It counts
// what the processes have, the pages of files that were first read for them, and what the kernel holds for them. It
// belongs to the container and not to the program: what the container runtime took to start the program is in it as
// well, which is why the peak is only looked at from a moment on at which the program already waits.
type controlGroup struct {
	peak, limit string
	file        *os.File
}

// sidecarGroup returns the control group of a pod's results sidecar, once that runs. The kernel is told to begin anew
// with the peak, and not to let the container have more than the limit from now on.
func sidecarGroup(t *testing.T, p *corev1.Pod) *controlGroup {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), promptness)
	defer cancel()
	var group *controlGroup
	err := kube.Poll(ctx, func(context.Context) (bool, error) {
		pid, found := processWith("-nonce", nonceOf(t, p))
		if !found {
			return false, nil
		}
		var err error
		group, err = groupOf(pid)
		return err == nil, err
	})
	if err != nil {
		t.Fatalf("cannot find the results sidecar among the processes of this machine, which has to be the node: %v", err)
	}
	if err := group.begin(); err != nil {
		t.Fatal(err)
	}
	return group
}

// nonceOf returns what tells a pod's stream, and so its sidecar's command line, from all others.
func nonceOf(t *testing.T, p *corev1.Pod) string {
	t.Helper()
	for _, c := range p.Spec.Containers {
		if i := slices.Index(c.Args, "-nonce"); c.Name == podpaths.ResultsContainer && i >= 0 {
			return c.Args[i+1]
		}
	}
	t.Fatalf("pod %q has no results sidecar", p.Name)
	return ""
}

// processWith returns the number of a process whose arguments have these two, one after the other.
func processWith(flag, value string) (pid string, found bool) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return "", false
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		// The role comes first: runc's own command line has the same arguments while it starts the container.
		if err == nil && strings.Contains(string(line), "\x00results\x00"+flag+"\x00"+value+"\x00") {
			return filepath.Base(filepath.Dir(file)), true
		}
	}
	return "", false
}

// groupOf returns the control group of a process, whichever version of control groups the machine has.
func groupOf(pid string) (*controlGroup, error) {
	lines, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(lines)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(fields) < 3:
		case fields[1] == "memory":
			dir := filepath.Join("/sys/fs/cgroup/memory", fields[2])
			return &controlGroup{peak: filepath.Join(dir, "memory.max_usage_in_bytes"), limit: filepath.Join(dir, "memory.limit_in_bytes")}, nil
		case fields[0] == "0" && exists(filepath.Join("/sys/fs/cgroup", fields[2], "memory.peak")):
			dir := filepath.Join("/sys/fs/cgroup", fields[2])
			return &controlGroup{peak: filepath.Join(dir, "memory.peak"), limit: filepath.Join(dir, "memory.max")}, nil
		}
	}
	return nil, fmt.Errorf("cannot find the memory of process %s in its control groups: %q", pid, lines)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// begin forgets the peak so far and sets the limit.
func (g *controlGroup) begin() error {
	var err error
	// With the second version of control groups the peak is counted anew for the file that was written to.
	if g.file, err = os.OpenFile(g.peak, os.O_RDWR, 0); err != nil {
		return fmt.Errorf("cannot open %q: %w", g.peak, err)
	}
	if _, err := g.file.WriteString("0"); err != nil {
		return fmt.Errorf("cannot reset %q: %w", g.peak, err)
	}
	if err := os.WriteFile(g.limit, []byte(strconv.Itoa(mostMemory)), 0); err != nil {
		return fmt.Errorf("cannot limit the sidecar to %d bytes: %w", mostMemory, err)
	}
	return nil
}

// watch returns a function that waits for the control group to be gone and returns its last peak, in bytes.
func (g *controlGroup) watch(ctx context.Context) func() (int64, error) {
	type answer struct {
		peak int64
		err  error
	}
	last := make(chan answer, 1)
	go func() {
		peak, err := g.watchPeak(ctx)
		last <- answer{peak, errors.Join(err, g.file.Close())}
	}()
	return func() (int64, error) { a := <-last; return a.peak, a.err }
}

// watchPeak reads the peak until the group is gone. It only grows. What came after the last look, which is a millisecond
// or what a busy machine makes of it, is not in it; but whatever it was, it was no more than the limit.
func (g *controlGroup) watchPeak(ctx context.Context) (peak int64, err error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	buf := make([]byte, 32)
	for {
		n, err := g.file.ReadAt(buf, 0)
		if n == 0 && (errors.Is(err, syscall.ENODEV) || errors.Is(err, fs.ErrNotExist)) {
			return peak, nil
		}
		if n > 0 {
			if peak, err = strconv.ParseInt(strings.TrimSpace(string(buf[:n])), 10, 64); err != nil {
				return 0, err
			}
		}
		if !exists(g.peak) {
			return peak, nil
		}
		select {
		case <-ctx.Done():
			return peak, fmt.Errorf("the sidecar does not end: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// watched starts a Task whose first step waits until the memory of the results sidecar is being watched, and returns
// the run when it has ended, with the sidecar's peak from then on.
func watched(t *testing.T, n *suite.Namespace, task v1.TaskSpec) (*v1.TaskRun, int64) {
	t.Helper()
	first := &task.Steps[0]
	first.Script = strings.Replace(first.Script, "set -eu\n", "set -eu\nuntil [ -e /tmp/go ]; do sleep 0.1; done\n", 1)
	run := n.Start(t, v1.TaskRunSpec{TaskSpec: &task})
	n.Await(t, run, func(run *v1.TaskRun) bool { return run.Status.PodName != "" })
	running := func(p *corev1.Pod) bool {
		all := len(p.Status.ContainerStatuses) == len(p.Spec.Containers)
		return all && !slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.State.Running == nil })
	}
	group := sidecarGroup(t, n.AwaitPod(t, run, running))
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	peak := group.watch(ctx)
	n.MustKubectl(t, "exec", run.Status.PodName, "-c", "step-"+first.Name, "--", "touch", "/tmp/go")
	n.Finish(t, run)
	bytes, err := peak()
	if err != nil {
		t.Fatal(err)
	}
	return run, bytes
}

// wantLittleMemory fails the test unless a peak was seen that is allowed.
func wantLittleMemory(t *testing.T, peak int64) {
	t.Helper()
	t.Logf("peak memory of the results sidecar by its control group: %d KiB", peak>>10)
	if peak == 0 || peak > mostMemory {
		t.Errorf("the results sidecar took %d bytes, at most %d are allowed", peak, mostMemory)
	}
}

// TestSidecarTakesLittleMemory shows what the sidecar takes for as many results as one object can hold, by the book of
// the kernel, which would not have let it have more.
func TestSidecarTakesLittleMemory(t *testing.T) {
	n := suite.NewNamespace(t)
	const size = 1_500_000 // and room for the rest of the object
	n.UseFlags(t, kube.SidecarLogs, size)
	noise := func(bytes int, path string) string {
		return fmt.Sprintf("head -c %d /dev/urandom | base64 | tr -d '\\n' | head -c %d > %s\n", bytes, bytes, path)
	}
	many := v1.TaskSpec{Steps: []v1.Step{kube.Script("write", "for i in $(seq 0 99); do "+noise(size/100-400, "/tekton/results/r$i")+"done")}}
	for i := range 100 {
		many.Results = append(many.Results, kube.Result(fmt.Sprintf("r%d", i), v1.TypeString))
	}
	for name, task := range map[string]v1.TaskSpec{
		"one that does not compress": {
			Results: []v1.TaskResult{kube.Result("r", v1.TypeString)}, Steps: []v1.Step{kube.Script("write", noise(size, "/tekton/results/r"))},
		},
		"one that compresses": {
			Results: []v1.TaskResult{kube.Result("r", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("write", fmt.Sprintf("yes 'some text' | head -c %d | tr '\\n' ' ' > $(results.r.path)", size))},
		},
		"a hundred": many,
	} {
		t.Run(name, func(t *testing.T) {
			run, peak := watched(t, n, task)
			suite.WantSucceeded(t, run.Status.Condition())
			total := 0
			for _, v := range kube.Values(run) {
				total += len(v.String)
			}
			if total < size*97/100 {
				t.Errorf("only %d bytes of results arrived", total)
			}
			wantLittleMemory(t, peak)
		})
	}
}

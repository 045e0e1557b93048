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

// mostMemory is the maximum memory of the results sidecar, in bytes.
const mostMemory = 8 << 20

// controlGroup is the kernel's memory accounting of one container, on the machine of the cluster. It counts the memory of the
// processes, the pages of files that were first read for them, and the kernel's memory for them. It belongs to the container
// and not to the program, so it includes what the container runtime used to start the program. Therefore the peak is measured
// only after the program has started to wait.
type controlGroup struct {
	peak, limit string
	file        *os.File
}

// sidecarGroup waits until a pod's results sidecar runs, and returns its control group. It resets the kernel's peak, and
// limits the container to the given memory.
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

// nonceOf returns the nonce that identifies a pod's stream, and its sidecar's command line.
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

// processWith returns the number of a process that has these two arguments, one after the other.
func processWith(flag, value string) (pid string, found bool) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return "", false
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		// The role comes first: while runc starts the container, its command line has the same arguments.
		if err == nil && strings.Contains(string(line), "\x00results\x00"+flag+"\x00"+value+"\x00") {
			return filepath.Base(filepath.Dir(file)), true
		}
	}
	return "", false
}

// groupOf returns the control group of a process, for both versions of control groups.
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

// begin resets the peak and sets the limit.
func (g *controlGroup) begin() error {
	var err error
	// With version 2 the kernel counts a new peak for the file that was written to.
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

// watch returns a function that waits until the control group is gone, and returns its last peak in bytes.
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

// watchPeak reads the peak until the group is gone. The peak only grows. An increase after the last reading, usually a
// millisecond before the end, is missed; but the limit applies to it, too.
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

// watched starts a Task whose first step waits until the memory of the results sidecar is measured. It returns the run when
// it has ended, with the sidecar's peak since then.
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

// wantLittleMemory fails the test unless a peak was measured and is allowed.
func wantLittleMemory(t *testing.T, peak int64) {
	t.Helper()
	t.Logf("peak memory of the results sidecar by its control group: %d KiB", peak>>10)
	if peak == 0 || peak > mostMemory {
		t.Errorf("the results sidecar took %d bytes, at most %d are allowed", peak, mostMemory)
	}
}

// TestSidecarTakesLittleMemory measures the sidecar's memory for as many results as one object can hold. The kernel would not
// have allowed it more.
func TestSidecarTakesLittleMemory(t *testing.T) {
	n := suite.NewNamespace(t)
	const size = 1_500_000 // plus room for the rest of the object
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

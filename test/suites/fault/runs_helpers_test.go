//go:build fault

package fault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	// sidecar is the container that sends the results.
	sidecar = "sidecar-tekton-log-results"
	// gate is the last step of a run that a test holds.
	gate = "gate"
)

// given are the results that a run must have, by name.
type given map[string]string

// small returns a Task with two results that its steps write.
func small() (v1.TaskSpec, given) {
	return v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("one", v1.TypeString), kube.Result("two", v1.TypeString)},
		Steps: []v1.Step{
			kube.Script("first", `printf 'the first' > $(results.one.path)`),
			kube.Script("second", `printf 'the second' > $(results.two.path)`),
		},
	}, given{"one": "the first", "two": "the second"}
}

// Numbers of results of a bulk: one whose log is shorter than the size at which the kubelet rotates, and one whose log is
// longer.
const (
	belowRotation = 4
	aboveRotation = 7
)

// bulk returns a run with results of 200,000 random letters and digits each, which do not compress, so that the log is about
// as long as the results.
func bulk(t *testing.T, n *suite.Namespace, results int) (v1.TaskRunSpec, given) {
	t.Helper()
	const size = 200000
	want, task, run := given{}, v1.TaskSpec{}, v1.TaskRunSpec{}
	var copies []string
	for i := range results {
		name := string(rune('a' + i))
		want[name] = content.Random(size + i)
		task.Results = append(task.Results, kube.Result(name, v1.TypeString))
		copies = append(copies, fmt.Sprintf("cp $(workspaces.%[1]s.path)/value $(results.%[1]s.path)", name))
		binding := n.Files(t, map[string]string{"value": want[name]})
		binding.Name = name
		run.Workspaces = append(run.Workspaces, binding)
		task.Workspaces = append(task.Workspaces, v1.WorkspaceDeclaration{Name: name})
	}
	task.Steps = []v1.Step{kube.Script("copy", strings.Join(copies, "\n"))}
	run.TaskSpec = &task
	return run, want
}

// held is a run whose results are written, and whose last step waits until the test continues it.
type held struct {
	*v1.TaskRun

	shell machine.Process
}

// hold starts a run with one more step, which stops itself. It returns when that has happened and the controller follows the
// log of the results sidecar.
func hold(t *testing.T, n *suite.Namespace, spec v1.TaskRunSpec) *held {
	t.Helper()
	spec.TaskSpec.Steps = append(spec.TaskSpec.Steps, kube.Script(gate, "kill -STOP $$"))
	h := &held{TaskRun: n.Start(t, spec)}
	n.Await(t, h.TaskRun, func(run *v1.TaskRun) bool {
		c := run.Status.Condition()
		return run.Status.Done() || c != nil && c.Reason == v1.TaskRunReasonRunning
	})
	if h.Status.Done() {
		t.Fatalf("the run did not reach the step that holds it: %s", kube.Describe(h.Status.Condition()))
	}
	h.shell = find(t, n, h.TaskRun, "step-"+gate, func(p machine.Process) bool { return p.State == "T" })
	return h
}

// letGo lets the last step end.
func (h *held) letGo(t *testing.T) {
	t.Helper()
	send(t, h.shell, unix.SIGCONT)
}

// find waits until a container of a run's pod has a matching process.
func find(t *testing.T, n *suite.Namespace, run *v1.TaskRun, container string, wanted func(machine.Process) bool) machine.Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	var found machine.Process
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		pod, err := n.Kube.CoreV1().Pods(n.Name).Get(ctx, run.Status.PodName, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, p := range machine.ProcessesOf(containerID(pod, container)) {
			if wanted(p) {
				found = p
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("container %q of TaskRun %q has no matching process: %v", container, run.Name, err)
	}
	return found
}

// first matches the first process of a container.
func first(p machine.Process) bool { return p.First() }

func containerID(pod *corev1.Pod, name string) string {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if s.Name == name {
			return s.ContainerID
		}
	}
	return ""
}

// stream is the log of a run's results sidecar on the node.
type stream struct {
	folder string
}

func streamOf(t *testing.T, n *suite.Namespace, run *v1.TaskRun) stream {
	t.Helper()
	pod := n.Pod(t, run)
	return stream{
		folder: filepath.Join(localkube(t).Directory, "pod-logs", fmt.Sprintf("%s_%s_%s", pod.Namespace, pod.Name, pod.UID), sidecar),
	}
}

// size returns the number of bytes in the current log file.
func (s stream) size() int64 {
	info, err := os.Stat(filepath.Join(s.folder, "0.log"))
	if err != nil {
		return 0
	}
	return info.Size()
}

// rotated reports whether the kubelet has rotated the log.
func (s stream) rotated() bool {
	files, err := fs.Glob(os.DirFS(s.folder), "0.log.*")
	return err == nil && len(files) > 0
}

// halfway starts a run whose steps end and whose results sidecar sends. It returns when the log has more than size bytes, and
// pauses the sidecar then, in the middle of its stream. If a run completes its stream too fast, it starts another one.
func halfway(t *testing.T, n *suite.Namespace, spec v1.TaskRunSpec, size int64) (*v1.TaskRun, machine.Process) {
	t.Helper()
	const attempts = 10
	for range attempts {
		h := hold(t, n, *spec.DeepCopy())
		sender := find(t, n, h.TaskRun, sidecar, first)
		send(t, sender, unix.SIGSTOP)
		h.letGo(t)
		n.AwaitPod(t, h.TaskRun, func(pod *corev1.Pod) bool { return ended(pod, "step-"+gate) })
		log := streamOf(t, n, h.TaskRun)
		if crawl(t, sender, func() bool { return log.size() > size }) {
			return h.TaskRun, sender
		}
		t.Logf("TaskRun %q was too fast", h.Name)
	}
	t.Fatalf("no run could be stopped when its log had %d bytes", size)
	return nil, machine.Process{}
}

// ended reports whether a container of a pod has terminated.
func ended(pod *corev1.Pod, container string) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
		return s.Name == container && s.State.Terminated != nil
	})
}

// endsWithin waits until the run has ended, which must happen in the given time. It records the status, which must not change
// after that.
func endsWithin(t *testing.T, n *suite.Namespace, run *v1.TaskRun, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	done := func(run *v1.TaskRun) bool { return run.Status.Done() }
	if err := kube.Await(ctx, n.Client, run, &v1.TaskRunList{}, done); err != nil {
		t.Fatalf("the run has to end within %s: %v; %s", limit, err, kube.Describe(run.Status.Condition()))
	}
	t.Logf("ended after %.1f s: %.200s", time.Since(began).Seconds(), kube.Describe(run.Status.Condition()))
	outcomes.note(run)
}

// outcomes are those of all tests so far. Later tests must not change them.
var outcomes ledger

// ledger records the outcomes of runs that have ended.
type ledger struct {
	mu   sync.Mutex
	runs []outcome
}

// outcome is how a run has ended.
type outcome struct {
	name client.ObjectKey
	// condition is in words, and digest that of the whole status.
	condition, digest string
}

// outcomeOf returns the outcome of a run. The states of its sidecars are known later.
func outcomeOf(run *v1.TaskRun) outcome {
	status := run.Status.DeepCopy()
	status.Sidecars = nil
	encoded, err := json.Marshal(status)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	return outcome{client.ObjectKeyFromObject(run), kube.Describe(run.Status.Condition()), content.Digest(string(encoded))}
}

// note records a run.
func (l *ledger) note(run *v1.TaskRun) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = append(l.runs, outcomeOf(run))
}

// stand returns an error for every run whose outcome has changed.
func (l *ledger) stand(ctx context.Context, c *kube.Cluster) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []error
	for _, before := range l.runs {
		after := &v1.TaskRun{}
		if err := c.Client.Get(ctx, before.name, after); err != nil {
			all = append(all, fmt.Errorf("cannot read TaskRun %q: %w", before.name, err))
		} else if now := outcomeOf(after); now != before {
			all = append(all, fmt.Errorf("the outcome of TaskRun %q has changed: it was %s, and is %s",
				before.name, before.condition, now.condition))
		}
	}
	return errors.Join(all...)
}

// wantWhole fails the test unless the run succeeded with every result, byte for byte.
func wantWhole(t *testing.T, run *v1.TaskRun, want given) {
	t.Helper()
	suite.WantSucceeded(t, run.Status.Condition())
	wantKept(t, run, want)
	if got := len(run.Status.Results); got != len(want) {
		t.Errorf("the run is green and has %d of %d results", got, len(want))
	}
}

// wantKept fails the test for each result of the run that differs from what was written.
func wantKept(t *testing.T, run *v1.TaskRun, want given) {
	t.Helper()
	for name, value := range kube.Values(run) {
		if value.String != want[name] {
			t.Errorf("result %q has %d bytes with digest %s, not %d with %s", name, len(value.String), content.Digest(value.String),
				len(want[name]), content.Digest(want[name]))
		}
	}
}

// wantWholeOr fails the test unless the run is whole, or has failed with one of the reasons and a message, and has kept only
// correct results.
func wantWholeOr(t *testing.T, run *v1.TaskRun, want given, reasons ...string) {
	t.Helper()
	c := run.Status.Condition()
	if c.Status == metav1.ConditionTrue {
		wantWhole(t, run, want)
		return
	}
	if !slices.Contains(reasons, c.Reason) || c.Message == "" {
		t.Errorf("the run is neither whole nor failed with one of %q: %s", reasons, kube.Describe(c))
	}
	wantKept(t, run, want)
}

// removePod deletes a run's pod as `kubectl delete pod` does, with the given grace period in seconds.
func removePod(t *testing.T, n *suite.Namespace, run *v1.TaskRun, grace int64) {
	t.Helper()
	if err := n.DeletePod(t.Context(), n.Name, run.Status.PodName, grace); err != nil {
		t.Fatal(err)
	}
}

// awaitNoPod waits until a run's pod is gone.
func awaitNoPod(t *testing.T, n *suite.Namespace, run *v1.TaskRun) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		err := n.Client.Get(ctx, types.NamespacedName{Namespace: n.Name, Name: run.Status.PodName}, &corev1.Pod{})
		return err != nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		t.Fatalf("pod %q is still there: %v", run.Status.PodName, err)
	}
}

// logSize is the size at which the cluster's kubelet rotates a log.
const logSize = 1 << 20

// awaitRotation waits until the kubelet has rotated the log of a run's results sidecar. The kubelet checks every three
// seconds.
func awaitRotation(t *testing.T, n *suite.Namespace, run *v1.TaskRun) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	log := streamOf(t, n, run)
	if err := kube.Poll(ctx, func(context.Context) (bool, error) { return log.rotated(), nil }); err != nil {
		t.Fatalf("the kubelet does not rotate a log of %d bytes; was the cluster made with --container-log-max-size 1Mi? %v", log.size(), err)
	}
}

// resume resumes a paused process.
func resume(t *testing.T, p machine.Process) {
	t.Helper()
	send(t, p, unix.SIGCONT)
}

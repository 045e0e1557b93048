//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/test/load/scale/node"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// built is the controller, which is built once for all tests, unless CONTROLLER names an existing one.
var built = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("CONTROLLER"); given != "" {
		return given, nil
	}
	const path = "bin/controller"
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "./cmd/controller")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the controller: %w\n%s", err, out)
	}
	return filepath.Join(root, path), nil
})

// supervised is a controller that is restarted when it exits, as its kubelet would do.
type supervised struct {
	starts atomic.Int32
	// process is the one that runs now, or ran last.
	process atomic.Pointer[os.Process]
	log     string
	health  string
}

// supervise runs a controller that reaches the API server through a relay, until the test ends.
func supervise(t *testing.T, r *relay, args ...string) *supervised {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "controller.log"))
	if err != nil {
		t.Fatal(err)
	}
	p := &supervised{log: log.Name(), health: unusedAddress(t)}
	_, webhooks, err := net.SplitHostPort(unusedAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{
		"--namespace=" + installation, "--inpod-image=example.invalid/inpod:1", "--leader-elect=true", "--metrics-bind-address=0",
		"--health-probe-bind-address=" + p.health, "--webhook-port=" + webhooks, "--webhook-cert-dir=" + filepath.Join(t.TempDir(), "webhook"),
	}, args...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	kubeconfig := r.kubeconfig(t)
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			p.starts.Add(1)
			cmd := exec.CommandContext(ctx, binary, args...)
			cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
			cmd.Stdout, cmd.Stderr = log, log
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			err := cmd.Start()
			if err == nil {
				p.process.Store(cmd.Process)
				err = cmd.Wait()
			}
			if err != nil && ctx.Err() == nil {
				fmt.Fprintf(log, "the controller ended: %v\n", err)
			}
		}
	}()
	t.Cleanup(func() {
		r.let(nil) // so that it can release its lease
		cancel()
		<-ended
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the controller's log ends so:\n%s", logOf(p.log))
		}
	})
	eventually(t, p.ready)
	return p
}

// ready returns an error until the controller works.
func (p *supervised) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.health+"/healthz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, logOf(p.log))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("healthz answers %s", answer.Status)
	}
	return nil
}

// restarted returns an error until the controller has ended, for a reason, and has been started again.
func (p *supervised) restarted(reason string) error {
	if p.starts.Load() < 2 {
		return fmt.Errorf("%s: the controller has not ended", reason)
	}
	return nil
}

// result is what the steps of runs here produce.
const result = "r"

// playPods plays the node of a namespace: it starts and ends each pod.
func playPods(t *testing.T, namespace string, more ...frame.Result) *node.Node {
	t.Helper()
	c, err := kubernetes.NewForConfig(shared.config)
	if err != nil {
		t.Fatal(err)
	}
	player := node.New(c, result, "whole", 8, more...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- player.Run(ctx, namespace) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the node ended: %v", err)
		}
	})
	return player
}

// newPlace creates a namespace with a service account, because there is no controller manager that creates it.
func newPlace(t *testing.T) string {
	t.Helper()
	namespace := newNamespace(t)
	create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "default"}})
	return namespace
}

// oneStep is a task with one result.
func oneStep() v1.TaskSpec {
	return v1.TaskSpec{
		Results: []v1.TaskResult{{Name: result, Type: v1.TypeString}},
		Steps:   []v1.Step{{Name: "s", Image: kube.StepImage, Script: "true"}},
	}
}

func taskRun(namespace, name string, change ...func(*v1.TaskRun)) *v1.TaskRun {
	run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1.TaskRunSpec{TaskSpec: new(oneStep())}}
	for _, f := range change {
		f(run)
	}
	return run
}

func pipelineRun(namespace, name string, tasks ...string) *v1.PipelineRun {
	run := &v1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{}},
	}
	for i, task := range tasks {
		t := v1.PipelineTask{Name: task, TaskSpec: &v1.EmbeddedTask{TaskSpec: oneStep()}}
		if i > 0 {
			t.RunAfter = []string{tasks[i-1]}
		}
		run.Spec.PipelineSpec.Tasks = append(run.Spec.PipelineSpec.Tasks, t)
	}
	return run
}

// awaitEnds waits until all TaskRuns and PipelineRuns of a namespace have ended.
func awaitEnds(t *testing.T, namespace string, within time.Duration) ([]v1.TaskRun, []v1.PipelineRun) {
	t.Helper()
	var taskRuns v1.TaskRunList
	var pipelineRuns v1.PipelineRunList
	left := 0
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, within, true, func(ctx context.Context) (bool, error) {
		if err := shared.client.List(ctx, &taskRuns, client.InNamespace(namespace)); err != nil {
			return false, err
		}
		if err := shared.client.List(ctx, &pipelineRuns, client.InNamespace(namespace)); err != nil {
			return false, err
		}
		left = 0
		for i := range taskRuns.Items {
			if !taskRuns.Items[i].Status.Done() {
				left++
			}
		}
		for i := range pipelineRuns.Items {
			if !pipelineRuns.Items[i].Status.Done() {
				left++
			}
		}
		return left == 0, nil
	})
	if err != nil {
		t.Fatalf("after %v %d runs have not ended: %v", within, left, err)
	}
	return taskRuns.Items, pipelineRuns.Items
}

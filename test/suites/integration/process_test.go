//go:build integration

package integration

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// process is a controller that runs beside the API server, as in the container of its pod.
type process struct {
	cmd             *exec.Cmd
	health, metrics string
	ended           chan error
}

// startController runs the controller's program without webhooks, which TestAdmission tests.
func startController(t *testing.T, program string) *process {
	t.Helper()
	p := &process{health: unusedAddress(t), metrics: unusedAddress(t), ended: make(chan error, 1)}
	p.cmd = exec.CommandContext(t.Context(), program, "--inpod-image=example.com/inpod:1", "--inpod-delivery=init-container",
		"--namespace="+installation, "--leader-elect=true", "--webhook-port=0",
		"--health-probe-bind-address="+p.health, "--metrics-bind-address="+p.metrics)
	log, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("cannot start controller: %v", err)
	}
	go func() {
		showErrors(log)
		p.ended <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// showErrors reads the whole log, with lines of any length, so that the controller never waits for the reader.
func showErrors(log io.Reader) {
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadString('\n')
		if strings.Contains(line, `"level":"ERROR"`) {
			fmt.Fprint(os.Stderr, line)
		}
		if err != nil {
			return
		}
	}
}

// get reads a page, and returns an error for every status except 200.
func get(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, answer.Status, body)
	}
	return string(body), err
}

// leader returns the holder of the controllers' lease, or "" if it has none.
func leader(ctx context.Context) (string, error) {
	lease := &coordinationv1.Lease{}
	err := shared.client.Get(ctx, client.ObjectKey{Namespace: installation, Name: "sluice-controller"}, lease)
	if err != nil || lease.Spec.HolderIdentity == nil {
		return "", client.IgnoreNotFound(err)
	}
	return *lease.Spec.HolderIdentity, nil
}

// has returns a check that a page has a line.
func has(url, line string) func(context.Context) error {
	return func(ctx context.Context) error {
		page, err := get(ctx, url)
		if err == nil && !strings.Contains("\n"+page+"\n", "\n"+line+"\n") {
			err = fmt.Errorf("%s lacks %q", url, line)
		}
		return err
	}
}

// TestProcess starts two controllers on one API server, and stops the leading one. Both are ready, one acts and counts, and
// the other takes over immediately.
func TestProcess(t *testing.T) {
	program := filepath.Join(t.TempDir(), "controller")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X github.com/sluice-ci/sluice/internal/version.number=v-test",
		"-o", program, "./cmd/controller")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build controller: %v\n%s", err, out)
	}
	first := startController(t, program)
	eventually(t, has("http://"+first.metrics+"/metrics", `leader_election_master_status{name="sluice-controller"} 1`))
	leads, err := leader(t.Context())
	if err != nil || leads == "" {
		t.Fatalf("the first one must hold the lease: %q, %v", leads, err)
	}
	second := startController(t, program)
	for _, p := range []*process{first, second} {
		for _, probe := range []string{"/readyz", "/healthz"} { // the standby is ready, too
			eventually(t, func(ctx context.Context) error { _, err := get(ctx, "http://"+p.health+probe); return err })
		}
	}
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "there-is-none"}}}
	run.Namespace, run.Name = newNamespace(t), "refers-to-nothing"
	if err := shared.client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	const counted = `tekton_pipelines_controller_taskrun_total{reason="TaskRunResolutionFailed",status="failed"} 1`
	eventually(t, has("http://"+first.metrics+"/metrics", counted))
	wantMonitored(t, "http://"+first.metrics+"/metrics")

	if err := first.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-first.ended; err != nil {
		t.Errorf("a controller that is asked to stop must exit with 0, got %v", err)
	}
	eventually(t, func(ctx context.Context) error {
		now, err := leader(ctx)
		if err == nil && (now == "" || now == leads) {
			err = fmt.Errorf("the lease is held by %q", now)
		}
		return err
	})
	page, err := get(t.Context(), "http://"+second.metrics+"/metrics")
	if err != nil || strings.Contains(page, counted) {
		t.Errorf("the second one has not completed or not counted the run: %v", err)
	}
}

// wantMonitored checks that the documented metrics exist: those of the controller and those of libraries.
func wantMonitored(t *testing.T, url string) {
	t.Helper()
	page, err := get(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	var missing []error
	for _, name := range []string{
		`sluice_build_info{goversion="go`, `version="v-test"} 1`, `sluice_runs{`, "sluice_results_followers_limit 500",
		"tekton_pipelines_controller_running_taskruns ", `sluice_status_writes_total{kind="taskrun",outcome="written"} 1`,
		"controller_runtime_reconcile_total{", "controller_runtime_reconcile_errors_total{", "controller_runtime_reconcile_panics_total{",
		"workqueue_depth{", "workqueue_longest_running_processor_seconds{", "workqueue_queue_duration_seconds_bucket{",
		"controller_runtime_reconcile_time_seconds_bucket{", "rest_client_requests_total{", "process_resident_memory_bytes ",
		"process_cpu_seconds_total ",
	} {
		if !strings.Contains(page, name) {
			missing = append(missing, errors.New(name))
		}
	}
	if err := errors.Join(missing...); err != nil {
		t.Errorf("%s lacks:\n%v", url, err)
	}
}

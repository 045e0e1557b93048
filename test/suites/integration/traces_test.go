//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/otlpreceiver"
	"github.com/sluice-ci/sluice/test/testutil/settings"
)

// stop asks a controller to end, and waits until it has sent its traces and ended.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.ended; err != nil {
		t.Errorf("a controller that is asked to stop must exit with 0, got %v", err)
	}
}

// sendTraces makes controllers send traces to a collector, with credentials, until the test ends.
func sendTraces(t *testing.T, endpoint string) {
	t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: installation, Name: "trace-credentials"},
		StringData: map[string]string{"username": "u", "password": "p"},
	}
	if err := shared.client.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shared.client.Delete(context.Background(), secret); err != nil {
			t.Error(err)
		}
	})
	settings.UntilEnd(t, shared.client, installation, "config-tracing", map[string]string{
		"enabled": "true", "endpoint": endpoint, "credentialsSecret": secret.Name,
	})
}

// TestTraces: a PipelineRun has one trace. Its spans are those of all its TaskRuns and steps, each once, although the controller is
// restarted while the run continues. The collector gets the credentials of the Secret.
func TestTraces(t *testing.T) {
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	receiver := otlpreceiver.New()
	t.Cleanup(receiver.Close)
	sendTraces(t, receiver.URL())
	namespace := newPlace(t)
	first := startController(t, program)
	run := pipelineRun(namespace, "traced", "one", "two")
	if err := shared.client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		pods := &corev1.PodList{}
		err := errors.Join(
			shared.client.List(ctx, pods, client.InNamespace(namespace)),
			shared.client.Get(ctx, client.ObjectKeyFromObject(run), run))
		if err == nil && (len(pods.Items) != 1 || run.Status.SpanContext["traceparent"] == "") {
			err = errors.New("the run has no pod or no trace")
		}
		return err
	})
	first.stop(t)
	if n := receiver.Requests(); n != 0 {
		t.Errorf("want no span of a run that continues, got %d requests", n)
	}
	second := startController(t, program)
	playPods(t, namespace)
	_, pipelineRuns := awaitEnds(t, namespace, time.Minute)
	// A controller that is stopped before it has the response to its last write does not know that the run has ended.
	eventually(t, func(context.Context) error {
		if pipelines, tasks, steps := spansOf(receiver); pipelines < 1 || len(tasks) < 2 || steps < 2 {
			return fmt.Errorf("the collector has %d PipelineRuns, %d TaskRuns and %d steps", pipelines, len(tasks), steps)
		}
		return nil
	})
	second.stop(t)
	if after := pipelineRuns[0].Status.SpanContext["traceparent"]; after != run.Status.SpanContext["traceparent"] {
		t.Errorf("the run had the trace %q, and has %q", run.Status.SpanContext["traceparent"], after)
	}
	wantTrace(t, receiver, run)
}

// spansOf counts the spans that a collector has, and names its TaskRuns.
func spansOf(receiver *otlpreceiver.Receiver) (pipelines int, tasks map[string]bool, steps int) {
	tasks = map[string]bool{}
	for _, s := range receiver.Spans() {
		switch {
		case s.Attributes["pipelinerun"] != "":
			pipelines++
		case s.Attributes["taskrun"] != "":
			tasks[s.Attributes["taskrun"]] = true
		case s.Attributes["k8s.container.name"] != "":
			steps++
		}
	}
	return pipelines, tasks, steps
}

// wantTrace checks the spans of a PipelineRun with two tasks of one step.
func wantTrace(t *testing.T, receiver *otlpreceiver.Receiver, run *v1.PipelineRun) {
	t.Helper()
	if err := receiver.Check(); err != nil {
		t.Error(err)
	}
	parts := strings.Split(run.Status.SpanContext["traceparent"], "-")
	for _, s := range receiver.Spans() {
		if s.Trace != parts[1] {
			t.Errorf("span %q is in trace %s", s.Name, s.Trace)
		}
		switch {
		case s.Attributes["pipelinerun"] != "":
			if s.ID != parts[2] || s.Parent != "" {
				t.Errorf("want the span of the status for the PipelineRun, got %+v", s)
			}
		case s.Attributes["taskrun"] != "":
			if s.Parent != parts[2] {
				t.Errorf("want TaskRuns within the PipelineRun, got %+v", s)
			}
		}
	}
	pipelines, tasks, steps := spansOf(receiver)
	if pipelines != 1 || len(tasks) != 2 || steps != 2 {
		t.Errorf("want one PipelineRun, two TaskRuns and two steps, got %d, %v and %d", pipelines, tasks, steps)
	}
	for _, user := range receiver.Users() {
		if user != "u:p" {
			t.Errorf("want the credentials of the Secret, got %q", user)
		}
	}
}

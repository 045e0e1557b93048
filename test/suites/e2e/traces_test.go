//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/otlpreceiver"
	"github.com/sluice-ci/sluice/test/testutil/settings"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// kindTaskRun and kindPipelineRun are the attributes with the names of runs, and the names of these spans in the tests.
const (
	kindTaskRun     = "taskrun"
	kindPipelineRun = "pipelinerun"
)

// TestTracesOfPods: with both transports, a collector gets the spans of a run, of its pod, of its steps and of its results, each within
// the right one. Those of what has failed say so.
func TestTracesOfPods(t *testing.T) {
	n := suite.NewNamespace(t)
	collector := startRecorder(t, n)
	settings.UntilEnd(t, n.Client, n.Controller, "config-tracing", map[string]string{"enabled": "true", "endpoint": collector.url()})
	awaitEffect(t, n, "enabled", func(run *v1.TaskRun) bool { return run.Status.SpanContext["traceparent"] != "" })
	bothWays(t, named{
		"Pipeline": func(t *testing.T, n *suite.Namespace) { tracedPipeline(t, n, collector) },
		"Failed":   func(t *testing.T, n *suite.Namespace) { tracedFailure(t, n, collector) },
	})
}

// tracedPipeline: a run that succeeds. Its sidecar is not ready in the first second, so that its pod has a phase before the first step.
func tracedPipeline(t *testing.T, n *suite.Namespace, collector *recorder) {
	ready := &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(recorderPort)}}, InitialDelaySeconds: 2,
	}
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{embedded("make", v1.TaskSpec{
		Results:  oneResult(),
		Sidecars: []v1.Sidecar{{Name: "late", Image: kube.StepImage, Script: "exec httpd -f -p 8080", ReadinessProbe: ready}},
		Steps:    []v1.Step{kube.Script("first", "true"), kube.Script("second", "printf %s small > $(results.digest.path)")},
	})}}})
	suite.WantSucceeded(t, run.Status.Condition())
	child := n.Child(t, run, "make")
	spans := awaitTrace(t, collector, run.Status.SpanContext, kindPipelineRun, kindTaskRun)
	wantPlaces(t, spans,
		"pipelinerun", "pipelinerun > taskrun", "taskrun > init", "taskrun > step first", "taskrun > step second", "taskrun > results")
	wantFailed(t, spans)
	for _, s := range spans {
		container := strings.Replace(s.Name, " ", "-", 1) // step-first
		switch {
		case placeName(s) == kindTaskRun && s.Attributes["k8s.pod.name"] != child.Status.PodName:
			t.Errorf("the span of the TaskRun has the pod %q, want %q", s.Attributes["k8s.pod.name"], child.Status.PodName)
		case strings.HasPrefix(s.Name, "step ") && (s.Attributes["k8s.container.name"] != container || s.Attributes["process.exit.code"] != "0"):
			t.Errorf("the span %q has the attributes %v", s.Name, s.Attributes)
		}
	}
}

// tracedFailure: a run without a PipelineRun, whose second step fails.
func tracedFailure(t *testing.T, n *suite.Namespace, collector *recorder) {
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{
		kube.Script("good", "true"), kube.Script("bad", "exit 3"), kube.Script("never", "true"),
	}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, `"step-bad"`)
	spans := awaitTrace(t, collector, run.Status.SpanContext, kindTaskRun)
	wantPlaces(t, spans, "taskrun", "taskrun > step good", "taskrun > step bad", "taskrun > step never")
	wantFailed(t, spans, "step bad", kindTaskRun)
	for _, s := range spans {
		if s.Name == "step bad" && s.Attributes["process.exit.code"] != "3" {
			t.Errorf("the span %q has the attributes %v", s.Name, s.Attributes)
		}
	}
}

// awaitTrace returns the spans of a trace when it has one of each of some kinds of runs. A run sends all its spans together.
func awaitTrace(t *testing.T, collector *recorder, spanContext map[string]string, kinds ...string) []otlpreceiver.Span {
	t.Helper()
	parts := strings.Split(spanContext["traceparent"], "-")
	if len(parts) != 4 {
		t.Fatalf("the run has the span context %v", spanContext)
	}
	var spans []otlpreceiver.Span
	poll(t, func(ctx context.Context) error {
		all, err := decodeSpans(ctx, collector)
		if err != nil {
			return err
		}
		spans = slices.DeleteFunc(all, func(s otlpreceiver.Span) bool { return s.Trace != parts[1] })
		for _, kind := range kinds {
			if !slices.ContainsFunc(spans, func(s otlpreceiver.Span) bool { return s.Attributes[kind] != "" }) {
				return fmt.Errorf("%d spans, and none of a %s", len(spans), kind)
			}
		}
		return nil
	})
	return spans
}

// decodeSpans decodes all requests of a collector as one that uses the types of OpenTelemetry.
func decodeSpans(ctx context.Context, collector *recorder) ([]otlpreceiver.Span, error) {
	requests, err := collector.requests(ctx)
	if err != nil {
		return nil, err
	}
	decoder := otlpreceiver.New()
	defer decoder.Close()
	for _, request := range requests {
		again, err := http.NewRequestWithContext(ctx, http.MethodPost, decoder.URL(), request.Body)
		if err != nil {
			return nil, err
		}
		again.Header = request.Header
		answer, err := http.DefaultClient.Do(again)
		if err != nil {
			return nil, err
		}
		if err := answer.Body.Close(); err != nil {
			return nil, err
		}
	}
	return decoder.Spans(), decoder.Check()
}

// placeName returns the name of a span in the tests: that of a run is its kind.
func placeName(s otlpreceiver.Span) string {
	for _, kind := range []string{kindTaskRun, kindPipelineRun} {
		if s.Attributes[kind] != "" {
			return kind
		}
	}
	return s.Name
}

// wantPlaces fails the test unless the spans are at these places, such as "taskrun > init". A run may have further phases.
func wantPlaces(t *testing.T, spans []otlpreceiver.Span, want ...string) {
	t.Helper()
	names := map[string]string{}
	for _, s := range spans {
		names[s.ID] = placeName(s)
	}
	phases, runs := []string{"queue", "resolve", "schedule", "init", "images", "results"}, []string{kindTaskRun, kindPipelineRun}
	var got []string
	for _, s := range spans {
		place := placeName(s)
		if s.Parent != "" {
			place = names[s.Parent] + " > " + place
		}
		further := slices.Contains(phases, s.Name) && slices.Contains(runs, names[s.Parent])
		if !further || slices.Contains(want, place) {
			got = append(got, place)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans: -want +got:\n%s", diff)
	}
}

// wantFailed fails the test unless exactly these spans have failed.
func wantFailed(t *testing.T, spans []otlpreceiver.Span, want ...string) {
	t.Helper()
	var got []string
	for _, s := range spans {
		if s.Failed {
			got = append(got, placeName(s))
		}
	}
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("want the failed spans %q, got %q", want, got)
	}
}

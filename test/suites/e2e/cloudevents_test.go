//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/eventrecord"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/settings"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// omitted is what an event says about a value that it does not have.
type omitted struct {
	Field  string `json:"field"`
	Name   string `json:"name"`
	Size   int    `json:"size"`
	SHA256 string `json:"sha256"`
}

// TestCloudEvents: with both transports, a receiver gets each transition of a run once. A small result is in the last event, and a large
// one is named there, with its size and digest.
func TestCloudEvents(t *testing.T) {
	n := suite.NewNamespace(t)
	sink := startRecorder(t, n)
	settings.UntilEnd(t, n.Client, n.Controller, "config-events", map[string]string{"sink": sink.url()})
	awaitEffect(t, n, "sink", func(run *v1.TaskRun) bool { return run.Status.Annotations[v1.AnnotationEvents] != "" })
	for from, size := range map[string]int{kube.SidecarLogs: 200_000, kube.TerminationMessage: 3000} {
		t.Run(from, func(t *testing.T) {
			n.UseFlags(t, from, int64(size))
			run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{
				Tasks: []v1.PipelineTask{embedded("make", v1.TaskSpec{
					Results: oneResult(),
					Steps:   []v1.Step{kube.Script("s", fmt.Sprintf(`head -c %d /dev/zero | tr '\0' x > $(results.digest.path)`, size))},
				})},
				Results: []v1.PipelineResult{{Name: "digest", Value: v1.StringValue("$(tasks.make.results.digest)")}},
			}})
			suite.WantSucceeded(t, run.Status.Condition())
			child := n.Child(t, run, "make")
			value := strings.Repeat("x", size)
			awaitObject(t, n, run.Name, run, func(pr *v1.PipelineRun) bool { return sentOf(t, n, pr.Status.Annotations) > 0 })
			wantEvents(t, sink, run, sentOf(t, n, run.Status.Annotations), "pipelineRun", value)
			awaitObject(t, n, child.Name, child, func(tr *v1.TaskRun) bool { return sentOf(t, n, tr.Status.Annotations) > 0 })
			wantEvents(t, sink, child, sentOf(t, n, child.Status.Annotations), "taskRun", value)
		})
	}
}

// sentOf returns the number of the last event of a run, if the run and the mark say that all were sent; otherwise 0.
func sentOf(t *testing.T, n *suite.Namespace, annotations map[string]string) int {
	t.Helper()
	m, err := eventrecord.Mark(t.Context(), n.Client, n.Controller)
	if err != nil {
		t.Fatal(err)
	}
	last, err := eventrecord.Events(m, annotations)
	if err != nil {
		return 0
	}
	return last
}

// wantEvents checks the events of a run that has succeeded with the result "digest". Sent is the number of the last one, and field the name
// of the run in their data.
func wantEvents(t *testing.T, sink *recorder, run client.Object, sent int, field, value string) {
	t.Helper()
	events := eventsOf(t, sink, run)
	if len(events) != sent || len(events) < 3 {
		t.Fatalf("%s: %d events were received, %d are recorded", field, len(events), sent)
	}
	for i, e := range events {
		words := strings.Split(e.Type(), ".") // dev.tekton.event.KIND.PHASE.v1
		if e.ID() != fmt.Sprintf("%s-%d", run.GetUID(), i+1) || e.Subject() != run.GetName() || words[3] != strings.ToLower(field) {
			t.Errorf("%s: event %d is %s of %q with the identifier %s", field, i+1, e.Type(), e.Subject(), e.ID())
		}
		want := map[int]string{0: "queued", 1: "started", len(events) - 1: "successful"}[i]
		if want != "" && words[4] != want || want == "" && words[4] != "running" && words[4] != "unknown" {
			t.Errorf("%s: event %d of %d is %s", field, i+1, len(events), words[4])
		}
	}
	wantResult(t, events[len(events)-1], field, value)
}

// eventsOf returns the events of a run, in the order in which they were received.
func eventsOf(t *testing.T, sink *recorder, run client.Object) []*cloudevents.Event {
	t.Helper()
	requests, err := sink.requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []*cloudevents.Event
	for _, request := range requests {
		e, err := cloudevents.NewEventFromHTTPRequest(request)
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			t.Fatalf("this is not a CloudEvent: %v", err)
		}
		if strings.HasPrefix(e.ID(), string(run.GetUID())) {
			all = append(all, e)
		}
	}
	return all
}

// wantResult checks the result "digest" in the last event of a run.
func wantResult(t *testing.T, e *cloudevents.Event, field, value string) {
	t.Helper()
	var data map[string]json.RawMessage
	if err := json.Unmarshal(e.Data(), &data); err != nil {
		t.Fatal(err)
	}
	var got, want []omitted
	if text, ok := data["omitted"]; ok {
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
	}
	large := len(value) > 4096
	if large {
		want = []omitted{{Field: "status.results", Name: "digest", Size: len(value), SHA256: content.Digest(value)}}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: what is left out of the last event: -want +got:\n%s", field, diff)
	}
	if whole := bytes.Contains(data[field], []byte(value)); whole == large {
		t.Errorf("%s: a result of %d bytes in the last event: %t, want %t", field, len(value), whole, !large)
	}
	if part := value[:len(value)/10]; large && bytes.Contains(e.Data(), []byte(part)) {
		t.Errorf("%s: the last event has a part of a result of %d bytes", field, len(value))
	}
}

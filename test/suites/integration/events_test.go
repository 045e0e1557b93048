//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
	"github.com/sluice-ci/sluice/test/testutil/eventrecord"
	"github.com/sluice-ci/sluice/test/testutil/settings"
)

// eventRuns is how many runs TestEventsSurviveRestarts makes. The environment variable EVENT_RUNS sets another number: 1000 before a
// release.
func eventRuns(t *testing.T) int {
	t.Helper()
	text, ok := os.LookupEnv("EVENT_RUNS")
	if !ok {
		return 40
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 10 {
		t.Fatalf("EVENT_RUNS=%q is not a number of at least 10", text)
	}
	return n
}

// seen is an event that the sink has received.
type seen struct {
	kind, phase, subject string
	times                int
}

// sink is a receiver of CloudEvents.
type sink struct {
	*httptest.Server

	mu       sync.Mutex
	received int
	// byID has the events by the UID of their run and their number.
	byID map[string]map[int]*seen
	// at is called with the number of each event before its answer is sent.
	at func(received int)
}

func newSink(t *testing.T, at func(received int)) *sink {
	t.Helper()
	s := &sink{byID: map[string]map[int]*seen{}, at: at}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		e, err := cloudevents.NewEventFromHTTPRequest(request)
		if err == nil {
			err = e.Validate()
		}
		if err != nil {
			t.Errorf("this is not a CloudEvent: %v", err)
			return
		}
		s.at(s.note(t, e))
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(s.Close)
	return s
}

// note remembers an event, and returns how many there were.
func (s *sink) note(t *testing.T, e *cloudevents.Event) int {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	cut := strings.LastIndex(e.ID(), "-")
	number, err := strconv.Atoi(e.ID()[cut+1:])
	if err != nil {
		t.Errorf("the identifier %q has no number", e.ID())
		return s.received
	}
	words := strings.Split(e.Type(), ".") // dev.tekton.event.KIND.PHASE.v1
	var data map[string]json.RawMessage
	if err := json.Unmarshal(e.Data(), &data); err != nil || len(words) != 6 || len(data) != 1 {
		t.Errorf("the event %s has data that is not one run: %v", e, err)
		return s.received
	}
	uid := e.ID()[:cut]
	if s.byID[uid] == nil {
		s.byID[uid] = map[int]*seen{}
	}
	one := s.byID[uid][number]
	if one == nil {
		one = &seen{kind: words[3], phase: words[4], subject: e.Subject()}
		s.byID[uid][number] = one
	}
	if one.phase != words[4] || one.subject != e.Subject() {
		t.Errorf("the identifier %s stands for a %s of %s and for a %s of %s", e.ID(), one.phase, one.subject, words[4], e.Subject())
	}
	one.times++
	s.received++
	return s.received
}

// doubled returns how many events were received more than once.
func (s *sink) doubled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, events := range s.byID {
		for _, one := range events {
			if one.times > 1 {
				n++
			}
		}
	}
	return n
}

// whole returns an error unless the events of a run are those of its record, from the first to the last, and all are recorded as sent:
// there or by the mark.
func (s *sink) whole(m mark.Mark, uid string, annotations map[string]string, end string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, err := eventrecord.Events(m, annotations)
	if err != nil {
		return err
	}
	events := s.byID[uid]
	if len(events) != last || last < 3 {
		return fmt.Errorf("%d events were received, its record says %d", len(events), last)
	}
	for number, one := range events {
		want := map[int]string{1: "queued", 2: "started", last: end}[number]
		if number < 1 || number > last || want != "" && one.phase != want || want == "" && one.phase != "running" && one.phase != "unknown" {
			return fmt.Errorf("event %d of %d is %s", number, last, one.phase)
		}
	}
	return nil
}

// sendEventsTo sets the sink until the test ends.
func sendEventsTo(t *testing.T, address string) {
	t.Helper()
	settings.UntilEnd(t, shared.client, installation, "config-events", map[string]string{"sink": address, "formats": "tektonv1"})
}

// TestEventsSurviveRestarts: over many runs, and with a controller that ends again and again while it sends, no event is lost. After an
// orderly end none is sent twice. A kill after the answer of the sink and before the record cannot be distinguished from one before it:
// then an event is sent again, with the same identifier.
func TestEventsSurviveRestarts(t *testing.T) {
	cases := map[string]struct {
		reason  string
		signal  syscall.Signal
		doubled bool
	}{
		"Orderly": {
			reason: "an end as in a rollout",
			signal: syscall.SIGTERM,
		},
		"Killed": {
			reason:  "an end as for lack of memory",
			signal:  syscall.SIGKILL,
			doubled: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			count := eventRuns(t)
			var current atomic.Pointer[supervised]
			every := max(count/2, 5)
			var asked sync.Map // a process that is asked twice ends at once
			receiver := newSink(t, func(received int) {
				p := current.Load()
				if p == nil || received%every != 0 || received/every > 6 {
					return
				}
				process := p.process.Load()
				if _, again := asked.LoadOrStore(process.Pid, true); again {
					return
				}
				if err := process.Signal(tc.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Errorf("cannot end the controller: %v", err)
				}
			})
			sendEventsTo(t, receiver.URL)
			p := supervise(t, newRelay(t), "--leader-elect=false")
			current.Store(p)
			namespace := newPlace(t)
			playPods(t, namespace)
			for i := range count {
				if i == count/2 { // a controller that stops works on for seconds, in which it could send all events
					eventually(t, func(context.Context) error { return p.restarted(tc.reason) })
				}
				if i%5 == 0 {
					create(t, pipelineRun(namespace, fmt.Sprintf("p-%d", i), "a"))
				} else {
					create(t, taskRun(namespace, fmt.Sprintf("t-%d", i)))
				}
			}
			awaitEnds(t, namespace, 10*time.Minute)
			eventually(t, func(ctx context.Context) error { return wholeEvents(ctx, namespace, receiver) })
			t.Logf("%d events, %d starts, %d events more than once", receiver.received, p.starts.Load(), receiver.doubled())
			if n := receiver.doubled(); n > 0 && !tc.doubled {
				t.Errorf("%s: %d events were sent more than once", tc.reason, n)
			}
		})
	}
}

// wholeEvents returns an error unless all events of all runs of a namespace were received and recorded.
func wholeEvents(ctx context.Context, namespace string, receiver *sink) error {
	m, err := eventrecord.Mark(ctx, shared.client, installation)
	if err != nil {
		return err
	}
	var taskRuns v1.TaskRunList
	if err := shared.client.List(ctx, &taskRuns, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range taskRuns.Items {
		tr := &taskRuns.Items[i]
		if err := receiver.whole(m, string(tr.UID), tr.Status.Annotations, "successful"); err != nil {
			return fmt.Errorf("TaskRun %s: %w", tr.Name, err)
		}
	}
	var pipelineRuns v1.PipelineRunList
	if err := shared.client.List(ctx, &pipelineRuns, client.InNamespace(namespace)); err != nil {
		return err
	}
	for i := range pipelineRuns.Items {
		pr := &pipelineRuns.Items[i]
		if err := receiver.whole(m, string(pr.UID), pr.Status.Annotations, "successful"); err != nil {
			return fmt.Errorf("PipelineRun %s: %w", pr.Name, err)
		}
	}
	return nil
}

// TestEventsOfCustomRuns: the states of a CustomRun are events, too, and its last one is recorded on it. The sink is set while the
// controller runs.
func TestEventsOfCustomRuns(t *testing.T) {
	supervise(t, newRelay(t))
	receiver := newSink(t, func(int) {})
	sendEventsTo(t, receiver.URL)
	namespace := newPlace(t)
	runCustomTasks(t, namespace)
	create(t, running(namespace, "custom", customtask.Task("make", customtask.Echo)))
	awaitRun(t, namespace, "custom", v1.PipelineRunReasonSucceeded, "")
	eventually(t, func(context.Context) error {
		for _, cr := range customRuns(t, namespace, 1) {
			receiver.mu.Lock()
			last := receiver.byID[string(cr.UID)][3]
			receiver.mu.Unlock()
			if last == nil || last.kind != "customrun" || last.phase != "successful" || cr.Annotations[v1.AnnotationEvents] != "3" {
				return fmt.Errorf("the last event is %v, and the record %q", last, cr.Annotations[v1.AnnotationEvents])
			}
		}
		return nil
	})
	if n := receiver.doubled(); n > 0 {
		t.Errorf("%d events were sent more than once", n)
	}
}

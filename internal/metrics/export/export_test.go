package export

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/sluice-ci/sluice/internal/config"
)

// receiver is a collector that gives each message to the test.
type receiver struct {
	*httptest.Server

	messages chan *collector.ExportMetricsServiceRequest
	status   int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{messages: make(chan *collector.ExportMetricsServiceRequest), status: http.StatusOK}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		message := &collector.ExportMetricsServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, message)
		}
		if err != nil || request.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("want protobuf, got %q: %v", request.Header.Get("Content-Type"), err)
		}
		w.WriteHeader(r.status)
		r.messages <- message
	}))
	t.Cleanup(r.Close)
	return r
}

// outcomes are the outcomes of messages.
type outcomes chan bool

func (o outcomes) Exported(sent bool) { o <- sent }

// exporting is an exporter with what it uses.
type exporting struct {
	*Exporter

	clock    *testingclock.FakeClock
	outcomes outcomes
	counter  prometheus.Counter

	mu   sync.Mutex
	text bytes.Buffer
}

// log returns the number of lines in the log with a text.
func (e *exporting) log(text string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Count(e.text.String(), text)
}

func newExporting() *exporting {
	e := &exporting{clock: testingclock.NewFakeClock(start()), outcomes: make(outcomes)}
	e.counter = prometheus.NewCounter(prometheus.CounterOpts{Name: "runs_total", Help: "Runs."})
	registry := prometheus.NewRegistry()
	registry.MustRegister(e.counter)
	e.Exporter = New(Options{
		Metrics: registry, Clock: e.clock, Meter: e.outcomes,
		Resource: Resource{Service: "sluice-controller", Version: "v1", Namespace: "tekton-pipelines", Instance: "pod-1"},
		Log: funcr.New(func(_, args string) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.text.WriteString(args + "\n")
		}, funcr.Options{}),
	})
	return e
}

// TestExport: a collector gets all metrics at each interval, with the identity of the process.
func TestExport(t *testing.T) {
	r, e := newReceiver(t), newExporting()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e.Follow(ctx, config.Export{Endpoint: r.URL, Interval: time.Minute})
	for i := range 3 {
		e.counter.Inc()
		e.clock.Step(time.Minute)
		message := <-r.messages
		if !<-e.outcomes {
			t.Fatal("want the message accepted")
		}
		resource := message.GetResourceMetrics()[0]
		got := map[string]string{}
		for _, a := range resource.GetResource().GetAttributes() {
			got[a.GetKey()] = a.GetValue().GetStringValue()
		}
		if got["service.name"] != "sluice-controller" || got["service.instance.id"] != "pod-1" || got["service.version"] != "v1" ||
			got["k8s.namespace.name"] != "tekton-pipelines" {
			t.Errorf("want the identity of the process, got %v", got)
		}
		if sum := resource.GetScopeMetrics()[0].GetMetrics()[0].GetSum().GetDataPoints()[0].GetAsDouble(); sum != float64(i+1) {
			t.Errorf("message %d: want %d runs, got %v", i, i+1, sum)
		}
	}
}

// TestOffCostsNothing: without a collector there is no timer, before the first one and after the last one.
func TestOffCostsNothing(t *testing.T) {
	r, e := newReceiver(t), newExporting()
	e.Follow(t.Context(), config.Export{})
	if e.clock.HasWaiters() {
		t.Error("want no timer of an exporter that is off")
	}
	e.Follow(t.Context(), config.Export{Endpoint: r.URL, Interval: time.Minute})
	if !e.clock.HasWaiters() {
		t.Error("want a timer of an exporter that is on")
	}
	e.Follow(t.Context(), config.Export{})
	e.ended.Wait()
	e.clock.Step(time.Hour)
	select {
	case <-r.messages:
		t.Error("want no message after it was turned off")
	default:
	}
}

// TestFailuresAreLoggedOnce: a collector that accepts nothing is one line in the log, and one when it accepts messages again.
func TestFailuresAreLoggedOnce(t *testing.T) {
	r, e := newReceiver(t), newExporting()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e.Follow(ctx, config.Export{Endpoint: r.URL, Interval: time.Minute})
	for _, status := range []int{http.StatusServiceUnavailable, http.StatusServiceUnavailable, http.StatusOK, http.StatusOK} {
		r.status = status
		e.clock.Step(time.Minute)
		<-r.messages
		if sent := <-e.outcomes; sent != (status == http.StatusOK) {
			t.Errorf("status %d: the message counts as accepted: %t", status, sent)
		}
	}
	e.Follow(ctx, config.Export{})
	e.ended.Wait()
	if failed, again := e.log("cannot send metrics"), e.log("sent again"); failed != 1 || again != 1 {
		t.Errorf("want one line about the failure and one about its end, got %d and %d", failed, again)
	}
}

// broken gathers nothing.
type broken struct{}

func (broken) Gather() ([]*dto.MetricFamily, error) { return nil, errors.New("inconsistent") }

// TestMetricsThatCannotBeRead: the reason is counted and logged.
func TestMetricsThatCannotBeRead(t *testing.T) {
	e := newExporting()
	e.Metrics = broken{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e.Follow(ctx, config.Export{Endpoint: "http://127.0.0.1:1", Interval: time.Minute})
	e.clock.Step(time.Minute)
	sent := <-e.outcomes
	e.Follow(ctx, config.Export{})
	e.ended.Wait()
	if sent || e.log("inconsistent") != 1 {
		t.Errorf("want a failure with its reason in the log, got %t and %q", sent, e.text.String())
	}
}

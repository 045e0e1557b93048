// Package otlpreceiver is a collector of traces for tests. It decodes what it gets with the types of OpenTelemetry.
package otlpreceiver

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Receiver receives spans until Close.
type Receiver struct {
	server *httptest.Server

	mu       sync.Mutex
	spans    []*trace.Span
	users    []string
	requests int
	fail     []int
	wrong    []string
}

// New returns a receiver that listens on loopback. It answers the first requests with the given statuses, and ignores what they have.
func New(fail ...int) *Receiver {
	r := &Receiver{fail: fail}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	return r
}

// Close ends the receiver.
func (r *Receiver) Close() { r.server.Close() }

// URL returns the endpoint for spans.
func (r *Receiver) URL() string { return r.server.URL + "/v1/traces" }

func (r *Receiver) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	data := &collector.ExportTraceServiceRequest{}
	if err == nil {
		err = proto.Unmarshal(body, data)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if len(r.fail) > 0 {
		w.WriteHeader(r.fail[0])
		r.fail = r.fail[1:]
		return
	}
	if kind := request.Header.Get("Content-Type"); err != nil || kind != "application/x-protobuf" || request.URL.Path != "/v1/traces" {
		r.wrong = append(r.wrong, fmt.Sprintf("%s %s: %v", request.URL.Path, kind, err))
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	user, password, _ := request.BasicAuth()
	r.users = append(r.users, user+":"+password)
	for _, resource := range data.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
}

// Span is a span that was received.
type Span struct {
	Trace, ID, Parent, Name string
	Start, End              uint64
	Failed                  bool
	Attributes              map[string]string
}

// Spans returns what was received, in order.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Span, len(r.spans))
	for i, s := range r.spans {
		all[i] = Span{
			Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
			Name: s.GetName(), Start: s.GetStartTimeUnixNano(), End: s.GetEndTimeUnixNano(),
			Failed: s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR, Attributes: map[string]string{},
		}
		for _, a := range s.GetAttributes() {
			if text := a.GetValue().GetStringValue(); text != "" {
				all[i].Attributes[a.GetKey()] = text
			} else {
				all[i].Attributes[a.GetKey()] = fmt.Sprint(a.GetValue().GetIntValue())
			}
		}
	}
	return all
}

// Requests returns how many requests there were.
func (r *Receiver) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// Users returns the users and passwords of the accepted requests, as USER:PASSWORD.
func (r *Receiver) Users() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.users)
}

// Check returns an error if a request or a span is wrong: each span is there once, with a trace, an id and times in order, and a span
// whose parent is there lies within the same trace.
func (r *Receiver) Check() error {
	byID := map[string]Span{}
	for _, s := range r.Spans() {
		if _, again := byID[s.ID]; again {
			return fmt.Errorf("span %q (%s) was sent twice", s.Name, s.ID)
		}
		if len(s.Trace) != 32 || len(s.ID) != 16 || s.Name == "" || s.Start == 0 || s.End < s.Start {
			return fmt.Errorf("span is not valid: %+v", s)
		}
		byID[s.ID] = s
	}
	for _, s := range byID {
		if parent, ok := byID[s.Parent]; ok && parent.Trace != s.Trace {
			return fmt.Errorf("span %q is in another trace than its parent %q", s.Name, parent.Name)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) > 0 {
		return fmt.Errorf("wrong requests: %q", r.wrong)
	}
	return nil
}

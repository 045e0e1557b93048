package traces

import (
	"strconv"
	"strings"
	"unicode/utf8"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/timeline"
	"github.com/sluice-ci/sluice/internal/tracecontext"
)

const (
	// service is service.name of all spans, and scope the name of what made them.
	service = "sluice-controller"
	scope   = "github.com/sluice-ci/sluice/internal/traces"
	// keyMore is the attribute of a span with the number of spans within it that were left out.
	keyMore = "sluice.more"
	// flagSampled is the flag of W3C Trace Context.
	flagSampled = 1
)

// message returns the data with the spans of some runs. Release is the version of the controller.
func message(spans []*trace.Span, release string) *trace.TracesData {
	return &trace.TracesData{ResourceSpans: []*trace.ResourceSpans{{
		Resource:   &resource.Resource{Attributes: []*common.KeyValue{keyText("service.name", service), keyText("service.version", release)}},
		ScopeSpans: []*trace.ScopeSpans{{Scope: &common.InstrumentationScope{Name: scope, Version: release}, Spans: spans}},
	}}}
}

// encoder turns the timeline of one run into spans.
type encoder struct {
	own   tracecontext.Context
	state string
	spans []*trace.Span
}

// spansOf returns the spans of the run whose timeline is given, without those of its children: they send their own. A CustomRun does
// not, because another controller runs it.
func spansOf(s *timeline.Span, spanContext map[string]string) []*trace.Span {
	own, parent, ok := tracecontext.Own(spanContext, s.UID)
	if !ok || !own.Sampled {
		return nil
	}
	e := &encoder{own: own, state: tracecontext.State(spanContext)}
	above := parent[:]
	if parent == ([8]byte{}) {
		above = nil
	}
	e.add(s, s.UID, "", above)
	return e.spans
}

// add adds a span, and those within it. The path distinguishes the parts of a run.
func (e *encoder) add(s *timeline.Span, run types.UID, path string, parent []byte) {
	id := tracecontext.SpanID(run, path)
	e.spans = append(e.spans, &trace.Span{
		TraceId: e.own.Trace[:], SpanId: id[:], ParentSpanId: parent, TraceState: valid(e.state), Flags: flagSampled,
		Name: valid(nameOf(s)), Kind: trace.Span_SPAN_KIND_INTERNAL,
		StartTimeUnixNano: uint64(s.Start.UnixNano()),
		EndTimeUnixNano:   uint64(s.End.UnixNano()),
		Attributes:        attributesOf(s), Status: statusOf(s),
	})
	same := map[string]int{}
	for i := range s.Children {
		c := &s.Children[i]
		if c.UID != "" {
			if c.Kind == timeline.CustomRun {
				e.add(c, c.UID, "", id[:])
			}
			continue
		}
		part := path + "/" + string(c.Kind) + "/" + c.Name
		same[part]++
		if n := same[part]; n > 1 {
			part += "#" + strconv.Itoa(n)
		}
		e.add(c, run, part, id[:])
	}
}

// nameOf returns the name of a span. A name should have few values, so a run has that of its definition if it is known.
func nameOf(s *timeline.Span) string {
	switch s.Kind {
	case timeline.PipelineRun, timeline.TaskRun, timeline.CustomRun:
		for _, a := range s.Attributes {
			if a.Key == timeline.KeyPipeline || a.Key == timeline.KeyTask {
				return string(s.Kind) + " " + a.Text
			}
		}
		return string(s.Kind) + " " + s.Name
	case timeline.Step:
		return string(s.Kind) + " " + s.Name
	default:
		return s.Name
	}
}

func attributesOf(s *timeline.Span) []*common.KeyValue {
	all := make([]*common.KeyValue, 0, len(s.Attributes)+1)
	for _, a := range s.Attributes {
		if a.Numeric {
			all = append(all, keyNumber(a.Key, a.Number))
		} else {
			all = append(all, keyText(a.Key, a.Text))
		}
	}
	if s.More > 0 {
		all = append(all, keyNumber(keyMore, int64(s.More)))
	}
	return all
}

// statusOf returns the status of a span: an error if it has failed, else none, as OpenTelemetry advises.
func statusOf(s *timeline.Span) *trace.Status {
	if s.State != timeline.StateFailed {
		return nil
	}
	status := &trace.Status{Code: trace.Status_STATUS_CODE_ERROR}
	for _, a := range s.Attributes {
		if a.Key == timeline.KeyMessage {
			status.Message = valid(a.Text)
		}
	}
	return status
}

func keyText(key, text string) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: valid(text)}}}
}

// valid returns a text that protobuf can encode. One other text would keep the spans of all runs of the message from being sent.
func valid(text string) string { return strings.ToValidUTF8(text, string(utf8.RuneError)) }

func keyNumber(key string, number int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: number}}}
}

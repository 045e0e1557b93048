// Package tracecontext says which trace a run belongs to, and which span of it the run is. Everything follows from the run: its UID,
// its annotations and its status. So a restarted controller, or another replica, finds the same trace.
package tracecontext

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// The keys of status.spanContext and of the annotations: the headers of W3C Trace Context.
const (
	keyParent = "traceparent"
	keyState  = "tracestate"
)

// maxParent is the maximum length of a traceparent, in bytes. This version has 55, and later ones may have more. An annotation can be much
// longer, and an error shows the text.
const maxParent = 256

// maxState is the maximum length of a tracestate, in bytes: what W3C Trace Context asks programs to pass on.
const maxState = 512

// Context is one span of a trace.
type Context struct {
	Trace   [16]byte
	Span    [8]byte
	Sampled bool
}

// Parse parses a traceparent of W3C Trace Context.
func Parse(text string) (Context, error) {
	var c Context
	var version, flags [1]byte
	if len(text) > maxParent {
		return c, fmt.Errorf("cannot parse a traceparent of %d bytes, which begins with %.50q: want at most %d", len(text), text, maxParent)
	}
	parts := strings.Split(text, "-")
	if len(parts) < 4 {
		return c, fmt.Errorf("cannot parse traceparent %q: want VERSION-TRACE-PARENT-FLAGS", text)
	}
	for i, into := range [][]byte{version[:], c.Trace[:], c.Span[:], flags[:]} {
		if len(parts[i]) != 2*len(into) || strings.ToLower(parts[i]) != parts[i] {
			return c, fmt.Errorf("cannot parse traceparent %q: %q does not have %d lower-case hexadecimal digits", text, parts[i], 2*len(into))
		}
		if _, err := hex.Decode(into, []byte(parts[i])); err != nil {
			return c, fmt.Errorf("cannot parse traceparent %q: %w", text, err)
		}
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(parts) > 4:
		return c, fmt.Errorf("cannot parse traceparent %q: version %q does not have this format", text, parts[0])
	case c.Trace == [16]byte{}, c.Span == [8]byte{}:
		return c, fmt.Errorf("cannot parse traceparent %q: the trace and its span must not be zero", text)
	}
	c.Sampled = flags[0]&1 == 1
	return c, nil
}

// String returns the traceparent.
func (c Context) String() string {
	flags := "00"
	if c.Sampled {
		flags = "01"
	}
	return "00-" + hex.EncodeToString(c.Trace[:]) + "-" + hex.EncodeToString(c.Span[:]) + "-" + flags
}

// SpanID returns the id of the span of a run, or with a path that of a part of it.
func SpanID(run types.UID, path string) [8]byte {
	sum := sha256.Sum256([]byte("span/" + string(run) + "/" + path))
	return [8]byte(sum[:8])
}

// OfTaskRun returns status.spanContext of a TaskRun: what it has, or else what its annotation has, or else a new trace. It is nil with
// tracing off, for a run that has none yet. An error is about an annotation that cannot be used, and has no effect.
func OfTaskRun(tr *v1.TaskRun, on bool) (map[string]string, error) {
	if len(tr.Status.SpanContext) > 0 || !on {
		return tr.Status.SpanContext, nil
	}
	return begun(tr.UID, tr.Annotations, v1.AnnotationTaskRunSpanContext)
}

// OfPipelineRun is OfTaskRun for a PipelineRun. The annotation of the program that delivers the change comes after that of an outer
// PipelineRun.
func OfPipelineRun(pr *v1.PipelineRun, on bool) (map[string]string, error) {
	if len(pr.Status.SpanContext) > 0 || !on {
		return pr.Status.SpanContext, nil
	}
	return begun(pr.UID, pr.Annotations, v1.AnnotationPipelineRunSpanContext, v1.AnnotationDeliveryTraceparent)
}

// begun returns the span context of a run that begins.
func begun(run types.UID, annotations map[string]string, keys ...string) (map[string]string, error) {
	var failed error
	for _, key := range keys {
		value, ok := annotations[key]
		if !ok {
			continue
		}
		carried, err := carriedBy(key, value)
		if err == nil {
			return carried, failed
		}
		failed = errors.Join(failed, fmt.Errorf("cannot use annotation %s: %w", key, err))
	}
	sum := sha256.Sum256([]byte("trace/" + string(run)))
	root := Context{Trace: [16]byte(sum[:16]), Span: SpanID(run, ""), Sampled: true}
	return map[string]string{keyParent: root.String()}, failed
}

// carriedBy returns the span context in an annotation: JSON, or a traceparent alone.
func carriedBy(key, value string) (map[string]string, error) {
	carried := map[string]string{keyParent: value}
	if key != v1.AnnotationDeliveryTraceparent {
		carried = nil
		if err := json.Unmarshal([]byte(value), &carried); err != nil {
			return nil, fmt.Errorf("cannot parse %.100q as a JSON object of texts: %w", value, err)
		}
	}
	c, err := Parse(carried[keyParent])
	if err != nil {
		return nil, err
	}
	out := map[string]string{keyParent: c.String()}
	if state := carried[keyState]; state != "" && len(state) <= maxState && printable(state) {
		out[keyState] = state
	}
	return out, nil
}

// printable reports whether a text has only the characters that a tracestate can have. A collector can refuse any others, together with
// all spans of the message.
func printable(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// Own returns the span of a run whose status has a span context, and the span that it is within; zero if there is none. Ok is false
// without a usable span context.
func Own(spanContext map[string]string, run types.UID) (own Context, parent [8]byte, ok bool) {
	c, err := Parse(spanContext[keyParent])
	if err != nil {
		return Context{}, parent, false
	}
	own = Context{Trace: c.Trace, Span: SpanID(run, ""), Sampled: c.Sampled}
	if own.Span != c.Span {
		parent = c.Span
	}
	return own, parent, true
}

// State returns the tracestate in a span context; empty if there is none.
func State(spanContext map[string]string) string { return spanContext[keyState] }

// ForChild returns the annotation of the child of a run whose status has a span context; empty without one.
func ForChild(spanContext map[string]string, run types.UID) string {
	own, _, ok := Own(spanContext, run)
	if !ok {
		return ""
	}
	carried := maps.Clone(spanContext)
	carried[keyParent] = own.String()
	text, err := json.Marshal(carried)
	if err != nil {
		return "" // texts can always be encoded
	}
	return string(text)
}

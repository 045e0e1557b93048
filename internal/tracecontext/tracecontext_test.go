package tracecontext_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/tracecontext"
)

const (
	outer  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	json   = `{"traceparent":"` + outer + `","tracestate":"a=1","other":"x"}`
	runUID = types.UID("6a2f4f0e-0000-4000-8000-000000000001")
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   string
	}{
		"Whole": {
			reason: "an example of the specification",
			text:   outer,
		},
		"NotSampled": {
			reason: "the flag is kept",
			text:   strings.TrimSuffix(outer, "1") + "0",
		},
		"LaterVersion": {
			reason: "a later version may have more fields",
			text:   "01" + outer[2:] + "-more",
		},
		"Empty": {
			reason: "nothing is no context",
			text:   "",
			want:   "want VERSION-TRACE-PARENT-FLAGS",
		},
		"More": {
			reason: "this version has four fields",
			text:   outer + "-more",
			want:   `version "00" does not have this format`,
		},
		"Longer": {
			reason: "an annotation can have hundreds of kilobytes, and the log has the error",
			text:   "01" + outer[2:] + strings.Repeat("-", 1<<18),
			want:   "cannot parse a traceparent of 262199 bytes",
		},
		"Version": {
			reason: "the specification forbids this version",
			text:   "ff" + outer[2:],
			want:   `version "ff" does not have this format`,
		},
		"Upper": {
			reason: "the specification has lower case only",
			text:   strings.ToUpper(outer),
			want:   "32 lower-case hexadecimal digits",
		},
		"NoHex": {
			reason: "other characters",
			text:   strings.Replace(outer, "0af", "0xf", 1),
			want:   "invalid byte",
		},
		"ZeroTrace": {
			reason: "the specification forbids it",
			text:   "00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01",
			want:   "must not be zero",
		},
		"ZeroSpan": {
			reason: "the specification forbids it",
			text:   "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
			want:   "must not be zero",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := tracecontext.Parse(tc.text)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("%s: %v", tc.reason, err)
			case tc.want == "" && c.String()[3:] != tc.text[3:55]:
				t.Errorf("%s: want %q, got %q", tc.reason, tc.text, c)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// TestParseOfAnything: whatever the text is, parsing does not fail in another way, and what is accepted is written in the same way.
func TestParseOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`0[0-1]-[0-9a-f]{32}-[0-9a-f]{16}-0[0-1]`)).Draw(t, "text")
		c, err := tracecontext.Parse(text)
		if err != nil {
			return
		}
		again, err := tracecontext.Parse(c.String())
		if err != nil || again != c {
			t.Fatalf("%q becomes %q: %v", text, c, err)
		}
	})
}

func TestSpanContext(t *testing.T) {
	const root = "00-aa42d3ea6b2f3a14a1ef3db2d9b9c1b3-00f067aa0ba902b7-01"
	cases := map[string]struct {
		reason      string
		on          bool
		annotations map[string]string
		status      map[string]string
		want        map[string]string // nil with isNew: a new trace
		isNew       bool
		message     string
	}{
		"Off": {
			reason:      "tracing is off",
			annotations: map[string]string{v1.AnnotationPipelineRunSpanContext: json},
		},
		"OffLater": {
			reason: "a run that has begun with tracing keeps its trace",
			status: map[string]string{"traceparent": outer},
			want:   map[string]string{"traceparent": outer},
		},
		"New": {
			reason: "a run without annotations begins a trace",
			on:     true,
			isNew:  true,
		},
		"Recorded": {
			reason:      "the status comes before the annotation",
			on:          true,
			annotations: map[string]string{v1.AnnotationPipelineRunSpanContext: json},
			status:      map[string]string{"traceparent": root},
			want:        map[string]string{"traceparent": root},
		},
		"Annotation": {
			reason:      "the context of an outer run, without what is not known",
			on:          true,
			annotations: map[string]string{v1.AnnotationPipelineRunSpanContext: json},
			want:        map[string]string{"traceparent": outer, "tracestate": "a=1"},
		},
		"HostileState": {
			reason: "a state that no tracestate can be is not passed on: a collector can refuse it, with the spans of others",
			on:     true,
			annotations: map[string]string{
				v1.AnnotationPipelineRunSpanContext: `{"traceparent":"` + outer + `","tracestate":"a=\u0000\n"}`,
			},
			want: map[string]string{"traceparent": outer},
		},
		"Delivery": {
			reason:      "the context of the program that delivers the change",
			on:          true,
			annotations: map[string]string{v1.AnnotationDeliveryTraceparent: outer},
			want:        map[string]string{"traceparent": outer},
		},
		"Both": {
			reason: "the outer run comes first",
			on:     true,
			annotations: map[string]string{
				v1.AnnotationDeliveryTraceparent: strings.Replace(outer, "0af", "0bf", 1), v1.AnnotationPipelineRunSpanContext: json,
			},
			want: map[string]string{"traceparent": outer, "tracestate": "a=1"},
		},
		"NotJSON": {
			reason:      "an annotation that cannot be read is reported",
			on:          true,
			annotations: map[string]string{v1.AnnotationPipelineRunSpanContext: outer},
			isNew:       true,
			message:     "cannot use annotation tekton.dev/pipelinerunSpanContext",
		},
		"NoParent": {
			reason:      "an annotation without a traceparent is reported",
			on:          true,
			annotations: map[string]string{v1.AnnotationPipelineRunSpanContext: `{}`},
			isNew:       true,
			message:     `cannot parse traceparent ""`,
		},
		"NextAnnotation": {
			reason: "the next annotation is used",
			on:     true,
			annotations: map[string]string{
				v1.AnnotationDeliveryTraceparent: outer, v1.AnnotationPipelineRunSpanContext: "x",
			},
			want:    map[string]string{"traceparent": outer},
			message: "cannot use annotation tekton.dev/pipelinerunSpanContext",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := &v1.PipelineRun{}
			pr.UID, pr.Annotations, pr.Status.SpanContext = runUID, tc.annotations, tc.status
			got, err := tracecontext.OfPipelineRun(pr, tc.on)
			if (err != nil) != (tc.message != "") || err != nil && !strings.Contains(err.Error(), tc.message) {
				t.Errorf("%s: want error %q, got %v", tc.reason, tc.message, err)
			}
			if tc.isNew {
				_, parent, ok := tracecontext.Own(got, runUID)
				if !ok || parent != [8]byte{} {
					t.Errorf("%s: want a new trace, got %v", tc.reason, got)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestChildren: a child is in the trace of its run, and its parent is the span of its run. A second reconcile finds the same.
func TestChildren(t *testing.T) {
	pr, tr := &v1.PipelineRun{}, &v1.TaskRun{}
	pr.UID, tr.UID = runUID, "6a2f4f0e-0000-4000-8000-000000000002"
	pr.Annotations = map[string]string{v1.AnnotationPipelineRunSpanContext: json}
	first, err := tracecontext.OfPipelineRun(pr, true)
	if err != nil {
		t.Fatal(err)
	}
	own, parent, ok := tracecontext.Own(first, pr.UID)
	if !ok || parent == [8]byte{} || own.Span != tracecontext.SpanID(runUID, "") {
		t.Errorf("want a span within the outer run, got %s in %x", own, parent)
	}
	tr.Annotations = map[string]string{v1.AnnotationTaskRunSpanContext: tracecontext.ForChild(first, pr.UID)}
	carried, err := tracecontext.OfTaskRun(tr, true)
	if err != nil {
		t.Fatal(err)
	}
	child, above, ok := tracecontext.Own(carried, tr.UID)
	if !ok || child.Trace != own.Trace || above != own.Span || tracecontext.State(carried) != "a=1" {
		t.Errorf("want a span within %s, got %s in %x with state %q", own, child, above, tracecontext.State(carried))
	}
	again, err := tracecontext.OfPipelineRun(pr.DeepCopy(), true)
	if diff := cmp.Diff(first, again); diff != "" || err != nil {
		t.Errorf("another trace of the same run: %s, %v", diff, err)
	}
	if tracecontext.ForChild(nil, runUID) != "" {
		t.Error("a child of a run without a trace has one")
	}
}

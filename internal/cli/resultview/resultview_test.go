package resultview

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

func TestBytes(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		value  v1.Value
		bytes  string
		json   string
	}{
		"String": {
			reason: "A string is its own bytes, with nothing added.",
			value:  v1.StringValue("a\n<b>\n"),
			bytes:  "a\n<b>\n",
			json:   `"a\n<b>\n"`,
		},
		"Empty": {
			reason: "An empty string is no bytes.",
			value:  v1.StringValue(""),
			bytes:  "",
			json:   `""`,
		},
		"Array": {
			reason: "An array is JSON as people write it: < stays <.",
			value:  v1.ArrayValue("a<b", `"`),
			bytes:  `["a<b","\""]`,
			json:   `["a<b","\""]`,
		},
		"Object": {
			reason: "The keys of an object are in order.",
			value:  v1.ObjectValue(map[string]string{"b": "&", "a": "1"}),
			bytes:  `{"a":"1","b":"&"}`,
			json:   `{"a":"1","b":"&"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResult("r", tc.value, 0)
			if diff := cmp.Diff(tc.bytes, string(r.Bytes())); diff != "" {
				t.Errorf("%s Bytes (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.json, string(r.JSON())); diff != "" {
				t.Errorf("%s JSON (-want +got):\n%s", tc.reason, diff)
			}
			if r.Size != len(tc.bytes) {
				t.Errorf("%s Size: got %d, want %d", tc.reason, r.Size, len(tc.bytes))
			}
		})
	}
}

func TestCopied(t *testing.T) {
	for text, want := range map[string]string{
		"$(tasks.make.results.sbom)":               "make/sbom",
		"$(tasks.make.results.files[*])":           "make/files",
		"$(finally.tell.results.url)":              "tell/url",
		"$(tasks.make.results.files[0])":           "",
		"$(tasks.make.results.summary.key)":        "",
		"v$(tasks.make.results.version)":           "",
		"$(tasks.a.results.x)$(tasks.b.results.y)": "",
		"$(params.x)": "",
		"text":        "",
	} {
		got := ""
		if task, result, ok := copied(text); ok {
			got = task + "/" + result
		}
		if got != want {
			t.Errorf("only a whole result can be compared with what the step wrote: copied(%q): got %q, want %q", text, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "make"}}
	tr.Status.TaskSpec = &v1.TaskSpec{
		Steps: []v1.Step{{Name: "s", Results: []v1.StepResult{{Name: "own", Type: v1.TypeString}}}},
		Results: []v1.TaskResult{
			{Name: "doc", Type: v1.TypeString},
			{Name: "list", Type: v1.TypeArray},
			{Name: "of-step", Type: v1.TypeString, Value: new(v1.StringValue("$(steps.s.results.own)"))},
		},
	}
	sent := stream{whole: []frame.Result{
		{Name: "doc", Type: "string", Value: []byte("text")},
		{Name: "list", Type: "array", Value: []byte(`[ "a" ]`)},
		{Name: "step-s.own", Type: "string", Value: []byte("mine")},
	}}
	for name, tc := range map[string]struct {
		reason  string
		result  string
		value   v1.Value
		stream  stream
		want    Outcome
		written string
	}{
		"Same": {
			reason:  "The bytes that were sent are those of the status.",
			result:  "doc",
			value:   v1.StringValue("text"),
			stream:  sent,
			want:    Verified,
			written: "text",
		},
		"Different": {
			reason:  "One letter is enough.",
			result:  "doc",
			value:   v1.StringValue("texT"),
			stream:  sent,
			want:    Different,
			written: "text",
		},
		"Array": {
			reason:  "An array is compared as what it is, and its bytes are kept.",
			result:  "list",
			value:   v1.ArrayValue("a"),
			stream:  sent,
			want:    Verified,
			written: `[ "a" ]`,
		},
		"Array longer": {
			reason:  "With an element more it is another one.",
			result:  "list",
			value:   v1.ArrayValue("a", "b"),
			stream:  sent,
			want:    Different,
			written: `[ "a" ]`,
		},
		"Of a step": {
			reason: "A result that takes a step's is compared with that.",
			result: "of-step",
			value:  v1.StringValue("mine"),
			stream: sent,
			want:   Verified,
		},
		"Not sent": {
			reason: "What the stream does not name cannot be compared.",
			result: "other",
			value:  v1.StringValue("x"),
			stream: sent,
			want:   Unknown,
		},
		"No log": {
			reason: "Without a log there is nothing to say.",
			result: "doc",
			value:  v1.StringValue("text"),
			stream: stream{unknown: "gone"},
			want:   Unknown,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResult(tc.result, tc.value, 0)
			r.from, r.original = tr, tc.result
			check, written := compare(r, tc.stream)
			if check.Outcome != tc.want {
				t.Errorf("%s got %q (%s), want %q", tc.reason, check.Outcome, check.Detail, tc.want)
			}
			if diff := cmp.Diff(tc.written, string(written)); diff != "" {
				t.Errorf("%s written (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadStream(t *testing.T) {
	var log strings.Builder
	w := frame.NewWriter(&log, "NONCE")
	for _, err := range []error{
		w.Step(frame.Step{Name: "step-s", Reason: frame.ReasonCompleted}),
		w.Result(frame.Result{Name: "doc", Type: "string", Value: []byte("text")}), w.End(false),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	whole, err := readStream(strings.NewReader(log.String()), "NONCE")
	if err != nil || len(whole) != 1 || string(whole[0].Value) != "text" {
		t.Errorf("a whole stream has its results: got %v, %v", whole, err)
	}
	if _, err := readStream(strings.NewReader(log.String()[:log.Len()/2]), "NONCE"); err == nil {
		t.Error("half a stream must not pass for a digest")
	}
}

func TestOf(t *testing.T) {
	label := func(name, task string) *v1.TaskRun {
		tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1.LabelPipelineTask: task}}}
		tr.Status.Results = []v1.TaskRunResult{{Name: "r", Type: v1.TypeString, Value: v1.StringValue(name)}}
		return tr
	}
	pr := &v1.PipelineRun{}
	pr.Status.PipelineSpec = &v1.PipelineSpec{Results: []v1.PipelineResult{
		{Name: "copy", Value: v1.StringValue("$(tasks.one.results.r)")}, {Name: "all", Value: v1.StringValue("$(tasks.many.results.r[*])")},
	}}
	pr.Status.Results = []v1.PipelineRunResult{{Name: "copy", Value: v1.StringValue("p-one")}, {Name: "all", Value: v1.ArrayValue("a", "b")}}
	s := runs.Snapshot{
		Run:   runs.OfPipeline(pr),
		Tasks: []*v1.TaskRun{label("p-one", "one"), label("p-many-0", "many"), label("p-many-1", "many")},
	}
	var got []string
	for _, r := range Of(s) {
		origin := "made"
		if r.from != nil {
			origin = r.from.Name
		}
		got = append(got, r.Name+" of "+origin)
	}
	want := []string{"copy of p-one", "all of made", "one/r of p-one", "many-1/r of p-many-0", "many-2/r of p-many-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the pipeline's own results come first, and each knows the TaskRun that can vouch for it (-want +got):\n%s", diff)
	}
}

func TestBar(t *testing.T) {
	for name, tc := range map[string]struct {
		reason      string
		part, limit int64
		want        string
	}{
		"None":     {reason: "Without a limit there is no share.", part: 5, want: ""},
		"Zero":     {reason: "Nothing is nothing.", limit: 10, want: "░░░░░░░░░░   0 %"},
		"A little": {reason: "Something is shown as something.", part: 1, limit: 1000, want: "█░░░░░░░░░   0 %"},
		"Half":     {reason: "Half is half.", part: 5, limit: 10, want: "█████░░░░░  50 %"},
		"All":      {reason: "All is all.", part: 10, limit: 10, want: "██████████ 100 %"},
		"More":     {reason: "More than all does not break the table.", part: 30, limit: 10, want: "██████████ 300 %"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Bar(tc.part, tc.limit); got != tc.want {
				t.Errorf("%s got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

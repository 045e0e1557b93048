package validation

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestReportIsBounded: 100,000 mistakes are a list of MaxErrors errors and one line that says that there are more.
func TestReportIsBounded(t *testing.T) {
	task := &v1.Task{Spec: v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: strings.Repeat("$(params.x)", 100_000)}}}}
	errs := Task(task)
	if len(errs) != MaxErrors+1 || !strings.Contains(errs[MaxErrors].Error(), fmt.Sprintf("the check stopped after %d", MaxErrors)) {
		t.Errorf("want %d errors and a last word, got %d: %v", MaxErrors, len(errs), errs[len(errs)-1])
	}
	report := NewReport(t.Context(), nil)
	if ReportTask(report, task); report.Steps() > 1000 {
		t.Errorf("the work went on after the report was full: %d iterations", report.Steps())
	}
	task.Spec.Steps[0].Script = strings.Repeat("$(params.x)", MaxErrors)
	if errs := Task(task); len(errs) != MaxErrors {
		t.Errorf("want exactly %d errors and nothing behind them, got %d", MaxErrors, len(errs))
	}
}

// TestErrorsAreShort: no error quotes a megabyte, whatever text of an object is that long.
func TestErrorsAreShort(t *testing.T) {
	const most = maxField + 2*maxDetail + 200
	long := strings.Repeat("ü", 500_000)
	value := v1.StringValue(long)
	objects := map[string]any{
		"Names": &v1.Task{Spec: v1.TaskSpec{
			Params:     []v1.ParamSpec{{Name: long}},
			Results:    []v1.TaskResult{{Name: long}},
			Steps:      []v1.Step{{Name: long, Image: "i"}},
			Sidecars:   []v1.Sidecar{{Name: long}},
			Workspaces: []v1.WorkspaceDeclaration{{Name: long}},
		}},
		"Known": &v1.Task{Spec: v1.TaskSpec{Params: []v1.ParamSpec{{Name: long}}, Steps: []v1.Step{{Image: "i", Script: "$(params.a)"}}}},
		"References": &v1.Task{
			Spec: v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: "$(params['" + long + "'])$(steps['" + long + "'].results.a)"}}},
		},
		"Keys": &v1.Task{Spec: v1.TaskSpec{
			Params: []v1.ParamSpec{{Name: "o", Properties: map[string]v1.PropertySpec{long: {Type: "other"}}}},
			Steps:  []v1.Step{{Image: "i", Script: "$(params.o.k)"}},
		}},
		"Types": &v1.Task{Spec: v1.TaskSpec{
			Params: []v1.ParamSpec{{Name: "o", Type: v1.ValueType(long), Default: &value}},
			Steps:  []v1.Step{{Image: "i", OnError: v1.OnError(long), ImagePullPolicy: "x"}},
		}},
		"Enum": &v1.Task{
			Spec: v1.TaskSpec{Params: []v1.ParamSpec{{Name: "o", Enum: []string{long, "a"}, Default: new(v1.StringValue("b"))}}},
		},
		"Paths": &v1.Task{Spec: v1.TaskSpec{Steps: []v1.Step{{
			Image:        "i",
			StdoutConfig: &v1.StepOutputConfig{Path: long + "/"},
			Workspaces:   []v1.WorkspaceUsage{{Name: long, MountPath: long}},
		}}}},
		"Tasks": &v1.Pipeline{Spec: v1.PipelineSpec{Tasks: []v1.PipelineTask{{
			Name:     long,
			RunAfter: []string{long},
			TaskRef:  &v1.TaskRef{Name: long, Kind: long},
			Params:   []v1.Param{{Name: long, Value: v1.ObjectValue(map[string]string{long: "$(params." + long + ")"})}},
		}}}},
		"Overrides": &v1.PipelineRun{Spec: v1.PipelineRunSpec{
			PipelineSpec: &v1.PipelineSpec{},
			TaskRunSpecs: []v1.PipelineTaskRunSpec{{PipelineTaskName: long}},
			Status:       v1.PipelineRunSpecStatus(long),
		}},
	}
	for name, object := range objects {
		t.Run(name, func(t *testing.T) {
			checked, ok := ObjectOf(object)
			if !ok {
				t.Fatalf("there are no rules for a %T", object)
			}
			errs := Errors(checked.Report)
			if len(errs) == 0 {
				t.Fatal("there is nothing wrong with it")
			}
			for _, err := range errs {
				if message := err.Error(); len(message) > most {
					t.Errorf("%d bytes, want %d at most: %.200s…", len(message), most, message)
				}
			}
		})
	}
}

// TestKnownErrorsDoNotFillAReport: an object with more errors than a report lists can be changed, but not for the worse.
func TestKnownErrorsDoNotFillAReport(t *testing.T) {
	old := &v1.Task{Spec: v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: strings.Repeat("$(params.x)", 3*MaxErrors)}}}}
	for i := range 2 * MaxErrors {
		old.Spec.Volumes = append(old.Spec.Volumes, decodeVolume(t, fmt.Sprintf("Bad-%d", i)))
	}
	known := Known(context.Background(), func(report *Report) { ReportTask(report, old) })
	changed := old.DeepCopy()
	changed.Spec.Steps[0].Env = nil
	report := NewReport(t.Context(), known)
	if ReportTask(report, changed); len(report.Errors()) > 0 {
		t.Errorf("want nothing that was not there before, got %v", report.Errors())
	}
	changed.Spec.Steps[0].Args = []string{"$(params.new)"}
	report = NewReport(t.Context(), known)
	ReportTask(report, changed)
	if got := messages(report.Errors()); len(got) != 1 || !strings.Contains(got[0], `no param "new"`) {
		t.Errorf("want the one error that is new, got %v", got)
	}
}

// TestNamesAreListedInOrder: the list of a message is that of all names, sorted and cut, whatever the order in which they
// came, and with those of outer scopes once each.
func TestNamesAreListedInOrder(t *testing.T) {
	outer := newNames[int](nil)
	for i := range 30 {
		outer.add(fmt.Sprintf("n%02d", (i*7)%30), i)
	}
	inner := newNames(outer)
	inner.add("n05", 1)
	inner.add("a", 1)
	inner.add("a", 2)
	inner.addFirst("a", 3)
	want := `no thing "b"; there are: a, n00, n01, n02, n03, n04, n05, n06, n07, n08, n09, n10, n11, n12, n13, ` +
		`n14, n15, n16, n17, n18 and 11 more`
	if diff := cmp.Diff(want, inner.unknown("thing", "b")); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if got := outer.unknown("thing", "b"); strings.Contains(got, " a,") || !strings.HasSuffix(got, "n19 and 10 more") {
		t.Errorf("an inner scope's name became visible outside: %s", got)
	}
	if v, ok := inner.get("a"); !ok || v != 2 || inner.unknown("thing", "n29") != "" {
		t.Errorf("want the names of both scopes found, got %d, %t", v, ok)
	}
}

// TestExpressionsAreBoundedTogether: each is compiled, so that thousands of short ones are as costly as a long one.
func TestExpressionsAreBoundedTogether(t *testing.T) {
	const size = 1 << 10
	pipeline := &v1.Pipeline{Spec: v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: "t", TaskRef: &v1.TaskRef{Name: "t"}}}}}
	guards := &pipeline.Spec.Tasks[0].When
	for range MaxCEL / size {
		*guards = append(*guards, v1.WhenExpression{CEL: strings.Repeat("1", size)})
	}
	if errs := Pipeline(pipeline); len(errs) > 0 {
		t.Errorf("want %d bytes allowed, got %v", MaxCEL, errs)
	}
	*guards = append(*guards, v1.WhenExpression{CEL: "true"})
	if got := messages(Pipeline(pipeline)); len(got) != 1 || !strings.Contains(got[0], "spec.tasks[0].when[64].cel") ||
		!strings.Contains(got[0], fmt.Sprintf("%d bytes together, and up to here they have %d", MaxCEL, MaxCEL+4)) {
		t.Errorf("want the expression, both numbers, and what to do, got %v", got)
	}
}

// TestOutputFiles: stdout and stderr go to files. A relative path is below the working directory, as it always was.
func TestOutputFiles(t *testing.T) {
	for path, want := range map[string]string{
		"/tekton/results/log": "",
		"log":                 "",
		"a/b":                 "",
		"--":                  "",
		"-results-from":       "",
		"$(results.r.path)":   "",
		"":                    "Required value",
		"/":                   "of a directory",
		"/logs/":              "of a directory",
		".":                   "of a directory",
		"..":                  "of a directory",
		"/a/..":               "of a directory",
		"a\x00b":              "NUL byte",
	} {
		got := fmt.Sprint(checkOutput(field.NewPath("stdoutConfig"), &v1.StepOutputConfig{Path: path}, false).ToAggregate())
		if (want == "") != (got == "<nil>") || !strings.Contains(got, want) {
			t.Errorf("path %q: want %q, got %s", path, want, got)
		}
	}
	if errs := checkOutput(nil, &v1.StepOutputConfig{Path: "$(params.x)"}, true); len(errs) > 0 {
		t.Errorf("after substitution a text is taken as it stands, got %v", errs)
	}
}

func decodeVolume(t *testing.T, name string) corev1.Volume {
	t.Helper()
	return *decode[corev1.Volume](t, "{name: "+name+", emptyDir: {}}")
}

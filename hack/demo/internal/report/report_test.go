package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// whole returns a complete run of the example pipeline without errors.
func whole() (*v1.PipelineRun, []Task) {
	run := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "sbom-x7k2p"}}
	run.Status.SetCondition(v1.Succeeded("Tasks Completed: 3"), metav1.Time{})
	sbom := strings.Repeat(`{"<&>"}`, 200)
	made := taskRun("make", v1.Succeeded("all steps ended well"),
		v1.TaskRunResult{Name: "sbom", Type: v1.TypeString, Value: v1.StringValue(sbom)},
		v1.TaskRunResult{Name: "modules", Type: v1.TypeArray, Value: v1.ArrayValue("a@v1", "<b>@v2")},
		v1.TaskRunResult{Name: "summary", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{
			"components": "2", "bytes": "1400", "sha256": Digest([]byte(sbom))})})
	checked := taskRun("check", v1.Succeeded("all steps ended well"),
		v1.TaskRunResult{Name: "licenses", Type: v1.TypeString, Value: v1.StringValue("2 MIT\n")})
	return run, []Task{
		{Name: "make", Run: made, Encoded: 1234567, Took: 2150 * time.Millisecond},
		{Name: "check", Run: checked, Encoded: 15728, Took: 990 * time.Millisecond},
	}
}

func taskRun(task string, c metav1.Condition, results ...v1.TaskRunResult) *v1.TaskRun {
	run := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "sbom-x7k2p-" + task}}
	run.Status.SetCondition(c, metav1.Time{})
	run.Status.Results = results
	return run
}

var update = flag.Bool("update", false, "update the golden files")

func TestGolden(t *testing.T) {
	run, tasks := whole()
	broken, brokenTasks := whole()
	broken.Status.SetCondition(v1.Failed(v1.PipelineRunReasonFailed, "task make failed"), metav1.Time{})
	brokenTasks[0].Run.Status.SetCondition(v1.Failed(v1.TaskRunReasonResultTooLarge, `result "sbom" has 1400 bytes`), metav1.Time{})
	cases := map[string]func(*strings.Builder) error{
		"results": func(b *strings.Builder) error { return Results(b, tasks) },
		"objects": func(b *strings.Builder) error { return Objects(b, run, 999, tasks) },
		"failure": func(b *strings.Builder) error { return Failure(b, broken, brokenTasks) },
	}
	for name, write := range cases {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*v1.PipelineRun, []Task)
		want   []string
	}{
		"whole": {
			reason: "nothing is wrong",
			change: func(*v1.PipelineRun, []Task) {},
		},
		"not ended": {
			reason: "a run without a condition has not ended",
			change: func(run *v1.PipelineRun, _ []Task) { run.Status.Conditions = nil },
			want:   []string{"the pipeline did not succeed"},
		},
		"one byte": {
			reason: "size and digest differ",
			change: func(_ *v1.PipelineRun, tasks []Task) { tasks[0].Run.Status.Results[0].Value.String += "x" },
			want:   []string{"the size of result make.sbom is 1401", "the digest of result make.sbom is"},
		},
		"other text": {
			reason: "the size alone does not show the difference",
			change: func(_ *v1.PipelineRun, tasks []Task) {
				tasks[0].Run.Status.Results[0].Value.String = strings.Repeat("y", 1400)
			},
			want: []string{"the digest of result make.sbom is"},
		},
		"lost module": {
			reason: "the list is shorter than the summary says",
			change: func(_ *v1.PipelineRun, tasks []Task) { tasks[0].Run.Status.Results[1].Value.Array = []string{"a@v1"} },
			want:   []string{"the number of elements of result make.modules is 1"},
		},
		"no licenses": {
			reason: "the second task's result is missing",
			change: func(_ *v1.PipelineRun, tasks []Task) { tasks[1].Run.Status.Results = nil },
			want:   []string{"result check.licenses is missing"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run, tasks := whole()
			tc.change(run, tasks)
			got := Check(run, tasks)
			if len(got) != len(tc.want) {
				t.Fatalf("Check: %s: got %q, want %q", tc.reason, got, tc.want)
			}
			for i, want := range tc.want {
				if !strings.HasPrefix(got[i], want) {
					t.Errorf("Check: %s: got %q, want it to begin with %q", tc.reason, got[i], want)
				}
			}
		})
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1 000", 1572864: "1 572 864"} {
		if got := Grouped(n); got != want {
			t.Errorf("Grouped(%d): got %q, want %q", n, got, want)
		}
	}
}

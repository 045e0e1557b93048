package compare

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/test/testutil/page"
)

// at returns a time some seconds after the creation of the runs.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5+seconds, 0, time.UTC))
}

// one returns a TaskRun that has succeeded, with a step "make", changed by edit.
func one(engine installation.Engine, edit func(*v1.TaskRun)) side {
	tr := &v1.TaskRun{}
	tr.Name, tr.Namespace, tr.UID, tr.CreationTimestamp = "compare-x-"+string(engine), "ci", "uid-of-sluice", at(0)
	if engine == installation.Tekton {
		tr.UID = "uid-of-tekton"
	}
	tr.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
	tr.Status.PodName = tr.Name + "-pod"
	tr.Status.CompletionTime = new(at(9))
	tr.Status.Steps = []v1.StepState{{Name: "make", ContainerState: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{StartedAt: at(2), FinishedAt: at(7)},
	}}}
	tr.Status.Results = []v1.TaskRunResult{{Name: "sbom", Type: v1.TypeString, Value: v1.StringValue("{}")}}
	if edit != nil {
		edit(tr)
	}
	s := side{engine: engine, timeout: time.Minute, snapshot: runs.Snapshot{Run: runs.OfTask(tr), Tasks: []*v1.TaskRun{tr}}}
	return s
}

func sbom(tr *v1.TaskRun, v v1.Value) {
	tr.Status.Results = []v1.TaskRunResult{{Name: "sbom", Type: v.Type, Value: v}}
}

func TestReport(t *testing.T) {
	for name, tc := range map[string]struct {
		reason         string
		sluice, tekton func(*v1.TaskRun)
		want           []Difference
		unequal        bool
	}{
		"Equal": {reason: "Names, UIDs and times of two runs always differ."},
		"Name and UID in a result": {
			reason: "A result with the name or the UID of its run cannot be the same in two runs.",
			sluice: func(tr *v1.TaskRun) { sbom(tr, v1.StringValue("compare-x-sluice-pod uid-of-sluice")) },
			tekton: func(tr *v1.TaskRun) { sbom(tr, v1.StringValue("compare-x-tekton-pod uid-of-tekton")) },
		},
		"Outcome": {
			reason: "The outcome decides, and the reason is shown after it.",
			tekton: func(tr *v1.TaskRun) { tr.Status.Conditions = []metav1.Condition{v1.Failed("Failed", "")} },
			want: []Difference{
				{What: "outcome", Sluice: "succeeded", Tekton: "failed", Unequal: true},
				{What: "reason", Sluice: "Succeeded", Tekton: "Failed"},
			},
			unequal: true,
		},
		"Reason": {
			reason: "A reason is shown and does not decide.",
			tekton: func(tr *v1.TaskRun) { tr.Status.Conditions[0].Reason = "Completed" },
			want:   []Difference{{What: "reason", Sluice: "Succeeded", Tekton: "Completed"}},
		},
		"Bytes": {
			reason:  "One byte decides.",
			tekton:  func(tr *v1.TaskRun) { sbom(tr, v1.StringValue("{} ")) },
			want:    []Difference{{What: "result sbom", Sluice: "2 B 44136fa355b3", Tekton: "3 B 3d8e6a3f3561", Unequal: true}},
			unequal: true,
		},
		"Type": {
			reason: "The same text is not the same value in another type.",
			sluice: func(tr *v1.TaskRun) { sbom(tr, v1.StringValue(`["a"]`)) },
			tekton: func(tr *v1.TaskRun) { sbom(tr, v1.ArrayValue("a")) },
			want: []Difference{{
				What: "result sbom", Sluice: "string 5 B 0eb5b8d6f81b", Tekton: "array 5 B 0eb5b8d6f81b", Unequal: true,
			}},
			unequal: true,
		},
		"Missing": {
			reason:  "A result that is empty is not one that is missing.",
			sluice:  func(tr *v1.TaskRun) { sbom(tr, v1.StringValue("")) },
			tekton:  func(tr *v1.TaskRun) { tr.Status.Results = nil },
			want:    []Difference{{What: "result sbom", Sluice: "0 B e3b0c44298fc", Tekton: "none", Unequal: true}},
			unequal: true,
		},
		"Exit code": {
			reason: "The exit code of a step whose failure is ignored is shown.",
			sluice: func(tr *v1.TaskRun) { tr.Status.Steps[0].Terminated.ExitCode = 3 },
			want:   []Difference{{What: "step make", Sluice: "exit 3", Tekton: "exit 0"}},
		},
		"Attempts": {
			reason: "Every attempt has a pod.",
			sluice: func(tr *v1.TaskRun) { tr.Status.RetriesStatus = []v1.TaskRunAttempt{{PodName: "first"}} },
			want:   []Difference{{What: "pods", Sluice: "2", Tekton: "1"}},
		},
		"Not ended": {
			reason: "What has not ended is equal to nothing, not even to another run that has not ended.",
			sluice: func(tr *v1.TaskRun) { tr.Status = v1.TaskRunStatus{} },
			tekton: func(tr *v1.TaskRun) { tr.Status = v1.TaskRunStatus{} },
			want: []Difference{
				{What: "outcome", Sluice: "not ended after 1m0s", Tekton: "not ended after 1m0s", Unequal: true},
			},
			unequal: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReport(one(installation.Sluice, tc.sluice), one(installation.Tekton, tc.tekton))
			if tc.want == nil {
				tc.want = []Difference{}
			}
			if diff := cmp.Diff(tc.want, r.Differences); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if r.Equal == tc.unequal {
				t.Errorf("%s equal is %t", tc.reason, r.Equal)
			}
		})
	}
}

// pipeline returns a PipelineRun with one TaskRun for each task, and the skipped tasks.
func pipeline(engine installation.Engine, tasks map[string]metav1.Condition, skipped ...string) side {
	pr := &v1.PipelineRun{}
	pr.Name, pr.Namespace = "compare-x-"+string(engine), "ci"
	pr.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
	for _, name := range skipped {
		pr.Status.SkippedTasks = append(pr.Status.SkippedTasks, v1.SkippedTask{Name: name, Reason: "When Expressions evaluated to false"})
	}
	s := side{engine: engine, snapshot: runs.Snapshot{Run: runs.OfPipeline(pr)}}
	for name, condition := range tasks {
		tr := &v1.TaskRun{}
		tr.Name, tr.Labels = pr.Name+"-"+name, map[string]string{v1.LabelPipelineTask: name}
		tr.Status.Conditions = []metav1.Condition{condition}
		s.snapshot.Tasks = append(s.snapshot.Tasks, tr)
	}
	return s
}

func TestReportOfTasks(t *testing.T) {
	ok := v1.Succeeded("")
	r := newReport(
		pipeline(installation.Sluice, map[string]metav1.Condition{"build": ok, "test": v1.Failed("Failed", "")}, "deploy"),
		pipeline(installation.Tekton, map[string]metav1.Condition{"build": ok, "deploy": ok}))
	want := []Difference{
		{What: "task deploy", Sluice: "skipped", Tekton: "succeeded", Unequal: true},
		{What: "task test", Sluice: "failed", Tekton: "none", Unequal: true},
		{What: "reason of task deploy", Sluice: "When Expressions evaluated to false", Tekton: "Succeeded"},
		{What: "reason of task test", Sluice: "Failed", Tekton: "none"},
	}
	if diff := cmp.Diff(want, r.Differences); diff != "" || r.Equal {
		t.Errorf("tasks are compared by their names, also skipped ones; equal %t (-want +got):\n%s", r.Equal, diff)
	}
}

// ofPipeline returns a PipelineRun with one task and one result, as the tests of test/suites/beside run it.
func ofPipeline(engine installation.Engine, digest string) side {
	name := "compare-x7k2p-" + string(engine)
	tr := one(engine, nil).snapshot.Tasks[0]
	tr.Name, tr.Labels = name+"-build", map[string]string{v1.LabelPipelineTask: "build"}
	tr.Status.Steps[0].Name = "push"
	tr.Status.Results = []v1.TaskRunResult{{Name: "digest", Type: v1.TypeString, Value: v1.StringValue(digest)}}
	pr := &v1.PipelineRun{}
	pr.Name, pr.Namespace, pr.CreationTimestamp = name, "ci", at(0)
	pr.Status.Conditions, pr.Status.CompletionTime = []metav1.Condition{v1.Succeeded("")}, new(at(9))
	pr.Status.Results = []v1.PipelineRunResult{{Name: "image-digest", Value: v1.StringValue(digest)}}
	return side{engine: engine, snapshot: runs.Snapshot{Run: runs.OfPipeline(pr), Tasks: []*v1.TaskRun{tr}}}
}

// TestWriteAsOnThePage: docs/side-by-side.md shows the output of the command for two engines, which a test on an API server has
// written there.
func TestWriteAsOnThePage(t *testing.T) {
	for first, bySluice := range map[string]string{"equal: ": "by the stand-in", "not equal: ": "by Sluice"} {
		r := newReport(ofPipeline(installation.Sluice, bySluice), ofPipeline(installation.Tekton, "by the stand-in"))
		var b bytes.Buffer
		if err := r.write(&b, terminal.Plain(nil, nil, nil)); err != nil {
			t.Fatal(err)
		}
		want, err := page.Comparison("../../../..", first)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(page.Neutral(want), page.Neutral(b.String())); diff != "" {
			t.Errorf("the page shows another output; run TestCompare of test/suites/beside with -update (-page +command):\n%s", diff)
		}
	}
}

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	r := newReport(one(installation.Sluice, nil), one(installation.Tekton, func(tr *v1.TaskRun) {
		sbom(tr, v1.StringValue("{} "))
		tr.Status.Conditions[0].Reason = "Completed"
		tr.Status.Steps[0].Terminated.FinishedAt = at(8)
	}))
	if err := r.write(&b, terminal.Plain(nil, nil, nil)); err != nil {
		t.Fatal(err)
	}
	//nolint:dupword // columns of a table
	const want = `not equal: 1 difference in outcome and results; 1 other difference

DIFFERENCE    SLUICE             TEKTON
result sbom   2 B 44136fa355b3   3 B 3d8e6a3f3561
reason        Succeeded          Completed

RUN       SLUICE                     TEKTON
name      taskrun/compare-x-sluice   taskrun/compare-x-tekton
outcome   succeeded                  succeeded
reason    Succeeded                  Completed
queued    2s                         2s
running   5s                         6s
total     9s                         9s
pods      1                          1

RESULT   SLUICE             TEKTON
sbom     2 B 44136fa355b3   3 B 3d8e6a3f3561

STEP   SLUICE   TEKTON
make   exit 0   exit 0
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("differences come first, those that decide before the others (-want +got):\n%s", diff)
	}
	b.Reset()
	r = newReport(one(installation.Sluice, nil), one(installation.Tekton, nil))
	if err := r.write(&b, terminal.Plain(nil, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if first, _, _ := bytes.Cut(b.Bytes(), []byte("\n")); string(first) != "equal: the same outcome (succeeded) and the same result" {
		t.Errorf("got %q", first)
	}
}

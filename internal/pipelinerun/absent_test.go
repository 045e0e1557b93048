package pipelinerun

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// warnings returns the warning events so far.
func (c *cluster) warnings() []string {
	var out []string
	for range len(c.recorder.Events) {
		if event := <-c.recorder.Events; strings.HasPrefix(event, "Warning ") {
			out = append(out, event)
		}
	}
	return out
}

// TestAbsentResultsAreReported: a result of the pipeline that is absent from a run which succeeds is in the message, with its task and the
// cause. If its task succeeded, so that its users expect it, there is a warning, too.
func TestAbsentResultsAreReported(t *testing.T) {
	when := producing("skips", "r")
	when.When = []v1.WhenExpression{{Input: "a", Operator: "in", Values: []string{"b"}}}
	fails := producing("fails", "r")
	fails.OnError = v1.OnErrorContinue
	pr := run(producing("works", "r", "other"), when, fails)
	result := func(name, value string) v1.PipelineResult {
		return v1.PipelineResult{Name: name, Value: v1.StringValue(value)}
	}
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{
		result("good", "$(tasks.works.results.other)"), result("unwritten", "$(tasks.works.results.r)"),
		result("skipped", "$(tasks.skips.results.r)"), result("failed", "$(tasks.fails.results.r)"),
		result("both", "$(tasks.works.results.other) and $(tasks.skips.results.r)"),
	}
	c := newCluster(t, interceptor.Funcs{}, pr)
	c.settle(t, pr)
	c.end(t, pr, "works", done(), text("other", "here"))
	c.end(t, pr, "fails", broken())
	pr = c.settle(t, pr)
	const unwritten = `left out: result "unwritten": task "works" succeeded and did not write result "r"; write it in the task, ` +
		`or remove "unwritten" from the results of the pipeline`
	wantCondition(t, pr, metav1.ConditionTrue, v1.PipelineRunReasonCompleted, unwritten,
		`left out: result "skipped": task "skips" was skipped (`, `left out: result "failed": task "fails" ended without writing result "r"`,
		`left out: result "both": task "skips" was skipped (`)
	if diff := cmp.Diff([]v1.PipelineRunResult{{Name: "good", Value: v1.StringValue("here")}}, pr.Status.Results); diff != "" {
		t.Errorf("results: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Warning ResultNotWritten " + unwritten}, c.warnings()); diff != "" {
		t.Errorf("warnings: -want +got:\n%s", diff)
	}
}

// TestShorterListIsReported: if not all children of a matrix wrote a result, the run says which did not, when a task uses the list
// and at its end.
func TestShorterListIsReported(t *testing.T) {
	fan := embedded("fan", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "m"}}, Results: []v1.TaskResult{{Name: "r"}, {Name: "whole"}}})
	fan.Matrix = &v1.Matrix{Params: []v1.Param{array("m", "a", "b", "c")}}
	list := []v1.ParamSpec{{Name: "p", Type: v1.TypeArray}}
	uses := func(result string) v1.PipelineTask {
		return embedded("uses-"+result, v1.TaskSpec{Params: list}, param("p", "$(tasks.fan.results."+result+"[*])"))
	}
	counts := taking("counts", "$(tasks.fan.matrix.r.length)")
	pr := run(fan, uses("r"), uses("whole"), counts)
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "all", Value: v1.StringValue("$(tasks.fan.results.r[*])")}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	c.settle(t, pr)
	c.endOf(t, c.child(t, pr, "fan", 0), done(), text("r", "0"), text("whole", "0"))
	c.endOf(t, c.child(t, pr, "fan", 1), done(), text("whole", "1"))
	c.endOf(t, c.child(t, pr, "fan", 2), done(), text("r", "2"), text("whole", "2"))
	c.settle(t, pr)
	const lacks = `result "r" of task "fan" has the values of 2 of 3 children, in their order; these did not write it: ["run-fan-1"]`
	if diff := cmp.Diff([]string{`Warning MatrixResultShorter task "uses-r": ` + lacks}, c.warnings()); diff != "" {
		t.Errorf("when a task uses the list: -want +got:\n%s", diff)
	}
	for _, task := range []string{"uses-r", "uses-whole", "counts"} {
		c.end(t, pr, task, done())
	}
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionTrue, v1.PipelineRunReasonSucceeded, lacks)
	if diff := cmp.Diff([]string{"Warning MatrixResultShorter " + lacks}, c.warnings()); diff != "" {
		t.Errorf("at the end: -want +got:\n%s", diff)
	}
}

// TestAbsentResultsAreBounded: however many results are absent, a message names a limited number of them.
func TestAbsentResultsAreBounded(t *testing.T) {
	absent := make([]substitute.AbsentResult, 1000)
	for i := range absent {
		absent[i] = substitute.AbsentResult{Name: fmt.Sprintf("name-%04d", i), Task: "t", Result: "r"}
	}
	task := v1.PipelineTask{Name: "t"}
	message := enumerated(leftOut(absent, []TaskState{{Task: &task, Phase: Succeeded}}))
	if n := strings.Count(message, "left out: "); n != maxSentences || !strings.HasSuffix(message, "; and 990 more") {
		t.Errorf("want %d results named and the others counted, got %d in %q", maxSentences, n, message)
	}
	c := copies{of: 300}
	for i := range 256 {
		c.add(fmt.Sprintf("run-%d", i))
	}
	if got := c.sentence("fan", "r"); !strings.Contains(got, "44 of 300 children") || !strings.HasSuffix(got, `"run-4"] and 251 more`) {
		t.Errorf("want five children named and the others counted, got %q", got)
	}
}

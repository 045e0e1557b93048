//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// embedded is an embedded task of a pipeline.
func embedded(name string, spec v1.TaskSpec, params ...v1.Param) v1.PipelineTask {
	return v1.PipelineTask{Name: name, TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}, Params: params}
}

// consumer puts a param into its script, between two lines that protect it from the shell, and returns the digest and the
// size of the value in the script.
func consumer() v1.TaskSpec {
	return v1.TaskSpec{
		Params:  []v1.ParamSpec{{Name: "value", Type: v1.TypeString}, {Name: "bytes", Type: v1.TypeString}},
		Results: []v1.TaskResult{kube.Result("sha256", v1.TypeString), kube.Result("bytes", v1.TypeString)},
		Steps: []v1.Step{kube.Script("check", `
file=$(mktemp)
cat > "$file" <<'END-OF-THE-VALUE'
$(params.value)
END-OF-THE-VALUE
head -c $(params.bytes) "$file" | sha256sum | cut -d ' ' -f 1 | tr -d '\n' | tee $(results.sha256.path)
expr $(wc -c < "$file") - 1 | tr -d '\n' | tee $(results.bytes.path)
`)},
	}
}

// TestLargeResultInTheNextScript: a large result is usable as text in the script of the next task, including everything that
// a shell, a template or Kubernetes would expand.
func TestLargeResultInTheNextScript(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	for _, size := range []int{4097, 200000, 800000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			value := content.Hard(size)
			in := n.Files(t, map[string]string{"value": value})
			produce := embedded("produce", v1.TaskSpec{
				Workspaces: []v1.WorkspaceDeclaration{{Name: "in"}},
				Results:    []v1.TaskResult{kube.Result("value", v1.TypeString)},
				Steps:      []v1.Step{kube.Script("copy", `cp $(workspaces.in.path)/value $(results.value.path)`)},
			})
			produce.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "in"}}
			consume := embedded("consume", consumer(),
				v1.Param{Name: "value", Value: v1.StringValue("$(tasks.produce.results.value)")},
				v1.Param{Name: "bytes", Value: v1.StringValue(fmt.Sprint(size))})
			run := n.Pipeline(t, v1.PipelineRunSpec{
				PipelineSpec: &v1.PipelineSpec{
					Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "in"}},
					Tasks:      []v1.PipelineTask{produce, consume},
					Results:    []v1.PipelineResult{{Name: "sha256", Value: v1.StringValue("$(tasks.consume.results.sha256)")}},
				},
				Workspaces: []v1.WorkspaceBinding{in},
			})
			suite.WantSucceeded(t, run.Status.Condition())
			child := n.Child(t, run, "consume")
			want := map[string]v1.Value{"sha256": v1.StringValue(content.Digest(value)), "bytes": v1.StringValue(fmt.Sprint(size))}
			if diff := cmp.Diff(want, kube.Values(child)); diff != "" {
				t.Errorf("the value in the script differs from the result (-want +got):\n%s", diff)
			}
			wantPipelineResult(t, run, "sha256", v1.StringValue(content.Digest(value)))
			wantStoredOnce(t, child, size)
			if got := sizeOf(t, run); got > 20000 {
				t.Errorf("the PipelineRun has %d bytes: results must not be repeated in it", got)
			}
		})
	}
}

// wantStoredOnce fails the test if a TaskRun stores a large param more than once.
func wantStoredOnce(t *testing.T, run *v1.TaskRun, size int) {
	t.Helper()
	if got, most := sizeOf(t, run), size+size/2+20000; got > most {
		t.Errorf("TaskRun %q has %d bytes with a param of %d: it is stored more than once", run.Name, got, size)
	}
}

func sizeOf(t *testing.T, obj any) int {
	t.Helper()
	b, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	return len(b)
}

func wantPipelineResult(t *testing.T, run *v1.PipelineRun, name string, want v1.Value) {
	t.Helper()
	for _, r := range run.Status.Results {
		if r.Name == name {
			if diff := cmp.Diff(want, r.Value); diff != "" {
				t.Errorf("result %q of the PipelineRun (-want +got):\n%s", name, diff)
			}
			return
		}
	}
	t.Errorf("the PipelineRun has no result %q: %+v", name, run.Status.Results)
}

// TestPipelines holds the behavior of a graph of tasks, with both transports of results.
func TestPipelines(t *testing.T) {
	for _, from := range []string{kube.SidecarLogs, kube.TerminationMessage} {
		t.Run(from, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, from, 4096)
			t.Run("results of all types reach the next task", func(t *testing.T) { t.Parallel(); passOn(t, n) })
			t.Run("a failed task ends the run", func(t *testing.T) { t.Parallel(); failedTask(t, n) })
			t.Run("tasks that do not depend on each other run together", func(t *testing.T) { t.Parallel(); together(t, n) })
			t.Run("a result that was not written fails the task that needs it", func(t *testing.T) { t.Parallel(); resultMissing(t, n) })
			t.Run("a Pipeline by its name", func(t *testing.T) { t.Parallel(); byName(t, n) })
		})
	}
}

func passOn(t *testing.T, n *suite.Namespace) {
	first := embedded("first", v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("text", v1.TypeString), kube.Result("list", v1.TypeArray), kube.Result("map", v1.TypeObject, "key")},
		Steps: []v1.Step{kube.Script("write", `
			printf 'a $$ b' > $(results.text.path)
			printf '["x","y z"]' > $(results.list.path)
			printf '{"key":"value"}' > $(results.map.path)`)},
	})
	step := kube.Script("read", `printf '%s|' "$TEXT" "$@" "$KEY" "$ONE" > $(results.seen.path)`)
	step.Args = []string{"$(params.list[*])"}
	for _, pair := range [][2]string{{"TEXT", "$(params.text)"}, {"KEY", "$(params.map.key)"}, {"ONE", "$(params.one)"}} {
		step.Env = append(step.Env, envVar(pair[0], pair[1]))
	}
	second := embedded("second", v1.TaskSpec{
		Params: []v1.ParamSpec{{Name: "text"}, {Name: "list", Type: v1.TypeArray}, {Name: "one"},
			{Name: "map", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{"key": {Type: v1.TypeString}}}},
		Results: []v1.TaskResult{kube.Result("seen", v1.TypeString)},
		Steps:   []v1.Step{step},
	},
		v1.Param{Name: "text", Value: v1.StringValue("$(tasks.first.results.text)")},
		v1.Param{Name: "list", Value: v1.StringValue("$(tasks.first.results.list[*])")},
		v1.Param{Name: "map", Value: v1.StringValue("$(tasks.first.results.map[*])")},
		v1.Param{Name: "one", Value: v1.StringValue("<$(tasks.first.results.list[1])>")})
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{first, second},
		Results: []v1.PipelineResult{{Name: "key", Value: v1.StringValue("$(tasks.first.results.map.key)")}},
	}})
	suite.WantSucceeded(t, run.Status.Condition())
	if got, want := kube.Values(n.Child(t, run, "second"))["seen"].String, "a $$ b|x|y z|value|<y z>|"; got != want {
		t.Errorf("the values in the second task: got %q, want %q", got, want)
	}
	wantPipelineResult(t, run, "key", v1.StringValue("value"))
}

func failedTask(t *testing.T, n *suite.Namespace) {
	next := embedded("next", v1.TaskSpec{Steps: []v1.Step{kube.Script("never", "true")}})
	next.RunAfter = []string{"broken"}
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		embedded("broken", v1.TaskSpec{Steps: []v1.Step{kube.Script("exit", "exit 7")}}), next,
	}}})
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonFailed, "broken")
	if len(run.Status.ChildReferences) != 1 {
		t.Errorf("only the first task has started: %+v", run.Status.ChildReferences)
	}
	if len(run.Status.SkippedTasks) != 1 || run.Status.SkippedTasks[0].Name != "next" {
		t.Errorf("the second one must be reported as skipped: %+v", run.Status.SkippedTasks)
	}
}

func together(t *testing.T, n *suite.Namespace) {
	spec := v1.TaskSpec{Steps: []v1.Step{kube.Script("work", "true")}}
	last := embedded("last", spec)
	last.RunAfter = []string{"left", "right"}
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		embedded("left", spec), embedded("right", spec), last,
	}}})
	suite.WantSucceeded(t, run.Status.Condition())
	var names []string
	for _, reference := range run.Status.ChildReferences {
		names = append(names, reference.PipelineTaskName)
	}
	if diff := cmp.Diff([]string{"left", "right", "last"}, names); diff != "" {
		t.Errorf("children, in the order of the pipeline (-want +got):\n%s", diff)
	}
	left, right, end := n.Child(t, run, "left"), n.Child(t, run, "right"), n.Child(t, run, "last")
	for _, early := range []*v1.TaskRun{left, right} {
		if end.CreationTimestamp.Before(early.Status.CompletionTime) {
			t.Errorf("task last was created at %v, before %q had ended at %v", end.CreationTimestamp, early.Name, early.Status.CompletionTime)
		}
	}
	if owner := metav1.GetControllerOf(left); owner == nil || owner.UID != run.UID {
		t.Errorf("a child belongs to its PipelineRun: %+v", owner)
	}
}

func resultMissing(t *testing.T, n *suite.Namespace) {
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		embedded("first", v1.TaskSpec{
			Results: []v1.TaskResult{kube.Result("text", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("none", "true")},
		}),
		embedded("second", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "text"}}, Steps: []v1.Step{kube.Script("never", "true")}},
			v1.Param{Name: "text", Value: v1.StringValue("$(tasks.first.results.text)")}),
	}}})
	suite.WantFailed(t, run.Status.Condition(), v1.PipelineRunReasonInvalidTaskResultReference, "text", "first", "second")
	suite.WantSucceeded(t, n.Child(t, run, "first").Status.Condition())
}

func byName(t *testing.T, n *suite.Namespace) {
	task := &v1.Task{Spec: v1.TaskSpec{
		Params:  []v1.ParamSpec{{Name: "who"}},
		Results: []v1.TaskResult{kube.Result("greeting", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("greet", `printf 'hello %s' "$(params.who)" > $(results.greeting.path)`)},
	}}
	task.Namespace, task.Name = n.Name, "greet"
	pipeline := &v1.Pipeline{Spec: v1.PipelineSpec{
		Params: []v1.ParamSpec{{Name: "who"}},
		Tasks: []v1.PipelineTask{{
			Name:    "greet",
			TaskRef: &v1.TaskRef{Name: "greet"},
			Params:  []v1.Param{{Name: "who", Value: v1.StringValue("$(params.who)")}},
		}},
		Results: []v1.PipelineResult{{Name: "greeting", Value: v1.StringValue("$(tasks.greet.results.greeting)")}},
	}}
	pipeline.Namespace, pipeline.Name = n.Name, "greet"
	if err := n.Client.Create(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if err := n.Client.Create(t.Context(), pipeline); err != nil {
		t.Fatal(err)
	}
	run := n.Pipeline(t, v1.PipelineRunSpec{
		PipelineRef: &v1.PipelineRef{Name: "greet"},
		Params:      []v1.Param{{Name: "who", Value: v1.StringValue("you")}},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	wantPipelineResult(t, run, "greeting", v1.StringValue("hello you"))
	child := n.Child(t, run, "greet")
	for label, want := range map[string]string{
		v1.LabelTask:         "greet",
		v1.LabelPipeline:     "greet",
		v1.LabelPipelineRun:  run.Name,
		v1.LabelPipelineTask: "greet",
		v1.LabelMemberOf:     v1.MemberOfTasks,
	} {
		if got := child.Labels[label]; got != want {
			t.Errorf("label %s of the child: got %q, want %q", label, got, want)
		}
	}
	if !strings.HasPrefix(child.Name, run.Name+"-greet") {
		t.Errorf("the child's name must contain run and task: %q", child.Name)
	}
}

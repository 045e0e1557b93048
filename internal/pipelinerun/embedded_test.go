package pipelinerun

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// showing is a task that is written out and uses a text in its script.
func showing(text string) v1.PipelineTask {
	return embedded("show", v1.TaskSpec{Steps: []v1.Step{{Image: "busybox", Script: text}}})
}

// TestResultsInATaskThatIsWrittenOut: the task waits for the other, gets what it uses and no more, and keeps its text.
func TestResultsInATaskThatIsWrittenOut(t *testing.T) {
	const script = "$(tasks.make.results.r) $(tasks.make.results.l[1]) $(context.pipelineRun.name) $(context.other)"
	pr := run(showing(script), embedded("make", v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "r"}, {Name: "l", Type: v1.TypeArray}, {Name: "unused"}},
		Steps:   []v1.Step{{Image: "busybox", Script: "x"}},
	}))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	if diff := cmp.Diff([]string{"run-make"}, c.children(t)); diff != "" {
		t.Fatalf("before the other has ended: -want, +got:\n%s", diff)
	}
	c.end(t, pr, "make", done(), text("r", "$(params.x)"), text("unused", "u"),
		v1.TaskRunResult{Name: "l", Type: v1.TypeArray, Value: v1.ArrayValue("zero", "one")})
	pr = c.settle(t, pr)
	child := c.child(t, pr, "show", -1)
	want := []v1.Param{
		param("tasks.make.results.r", "$(params.x)"), array("tasks.make.results.l", "", "one"), param("context.pipelineRun.name", "run"),
	}
	if diff := cmp.Diff(want, child.Spec.Params); diff != "" {
		t.Errorf("params: -want, +got:\n%s", diff)
	}
	if got := child.Spec.TaskSpec.Steps[0].Script; got != script {
		t.Errorf("the text of the task was changed: %q", got)
	}
}

// TestResultThatATaskWrittenOutLacks: the run says which result is missing.
func TestResultThatATaskWrittenOutLacks(t *testing.T) {
	pr := run(showing("$(tasks.make.results.r)"), producing("make", "r"))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", done())
	pr = c.settle(t, pr)
	condition := pr.Status.Condition()
	if condition == nil || condition.Reason != v1.PipelineRunReasonInvalidTaskResultReference ||
		!strings.Contains(condition.Message, `result "r" of task "make"`) {
		t.Errorf("want the result named, got %+v", condition)
	}
}

// TestWorkspaceOfAResult: what a run binds can be named by a result; a result that the binding of another workspace uses changes
// nothing.
func TestWorkspaceOfAResult(t *testing.T) {
	use := plain("use", "make")
	use.TaskSpec.Workspaces = []v1.WorkspaceDeclaration{{Name: "w"}}
	pr := run(producing("make", "r"), use)
	pr.Spec.PipelineSpec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "w"}, {Name: "other"}}
	bound := func(name, config string) v1.WorkspaceBinding {
		return v1.WorkspaceBinding{Name: name, ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: config},
		}}
	}
	pr.Spec.Workspaces = []v1.WorkspaceBinding{bound("w", "c-$(tasks.make.results.r)"), bound("other", "c-$(tasks.make.results.nope)")}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", done(), text("r", "value"))
	pr = c.settle(t, pr)
	if diff := cmp.Diff([]v1.WorkspaceBinding{bound("w", "c-value")}, c.child(t, pr, "use", -1).Spec.Workspaces); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestDisplayNamesOfAMatrix: each combination has its name, and those of include come first. Before, only an entry that is a separate
// combination gave its name.
func TestDisplayNamesOfAMatrix(t *testing.T) {
	build := plain("build")
	build.DisplayName = "Build $(params.platform) with $(params.mode) for $(tasks.make.results.r)"
	build.Matrix = &v1.Matrix{
		Params: []v1.Param{array("platform", "linux", "mac")},
		Include: []v1.MatrixInclude{
			{Name: "Extra: $(params.platform)", Params: []v1.Param{param("platform", "windows")}},
			{Name: "on $(params.platform)", Params: []v1.Param{param("platform", "mac"), param("flag", "x")}},
			{Name: "with $(params.flag)", Params: []v1.Param{param("platform", "mac"), param("more", "y")}},
		},
	}
	pr := run(producing("make", "r"), build)
	pr.Spec.Params = []v1.Param{param("mode", "fast")}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", done(), text("r", "$(params.mode)"))
	pr = c.settle(t, pr)
	var got []string
	for _, ref := range pr.Status.ChildReferences {
		if ref.PipelineTaskName == "build" {
			got = append(got, ref.DisplayName)
		}
	}
	want := []string{"Build linux with fast for $(params.mode)", "on mac with x", "Extra: windows"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestLongNameOfAMatrix: the name of an entry of include that is in each combination counts as often as the status has it, so that a
// run fails before it creates TaskRuns to which it cannot refer.
func TestLongNameOfAMatrix(t *testing.T) {
	build := plain("build")
	elements := make([]string, 200)
	for i := range elements {
		elements[i] = strconv.Itoa(i)
	}
	build.Matrix = &v1.Matrix{
		Params:  []v1.Param{array("n", elements...)},
		Include: []v1.MatrixInclude{{Name: strings.Repeat("x", 10_000), Params: []v1.Param{param("p", "v")}}},
	}
	pr := run(build)
	c := newCluster(t, interceptor.Funcs{}, pr)
	wantCondition(t, c.settle(t, pr), metav1.ConditionFalse, v1.PipelineRunReasonValidationFailed, "its matrix makes 200 TaskRuns")
}

// TestNameOfAResolvedPipeline: $(context.pipeline.name) is the name of the Pipeline that the resolver has found, in the pass that
// finds it and in later ones.
func TestNameOfAResolvedPipeline(t *testing.T) {
	task := func(name string, after ...string) v1.PipelineTask {
		out := plain(name, after...)
		out.Params = []v1.Param{param("p", "$(context.pipeline.name)")}
		return out
	}
	pipeline := &v1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shared", Name: "release"},
		Spec:       v1.PipelineSpec{Tasks: []v1.PipelineTask{task("first"), task("second", "first")}},
	}
	pr := referring(v1.PipelineRef{ResolverRef: v1.ResolverRef{
		Resolver: "cluster", Params: []v1.Param{param("kind", "pipeline"), param("name", "release"), param("namespace", "shared")},
	}})
	c := newCluster(t, interceptor.Funcs{}, pr, pipeline)
	pr = c.settle(t, pr)
	c.end(t, pr, "first", done())
	pr = c.settle(t, pr)
	for _, name := range []string{"first", "second"} {
		if diff := cmp.Diff([]v1.Param{param("p", "release")}, c.child(t, pr, name, -1).Spec.Params); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", name, diff)
		}
	}
}

// TestTextForTheTaskInDefaults: a task that is written out reads what the author of the pipeline wrote for it in defaults, also in the
// keys of an object that only the pipeline has.
func TestTextForTheTaskInDefaults(t *testing.T) {
	const path = "$(workspaces.w.path)"
	show := showing("$(params.dir) $(params.o.a) $(params.o.b) $(params.m)")
	show.Params = []v1.Param{{Name: "o", Value: v1.ObjectValue(map[string]string{"a": "$(params.outside)"})}}
	show.Matrix = &v1.Matrix{Params: []v1.Param{array("m", "$(params.dir)", "$(params.outside)")}}
	pr := run(show)
	pr.Spec.Params = []v1.Param{param("outside", path)}
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{
		{Name: "outside"}, {Name: "dir", Default: new(v1.StringValue("in " + path))},
		{
			Name: "o", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{"a": {}, "b": {}},
			Default: new(v1.ObjectValue(map[string]string{"a": path, "b": "$(params.outside) " + path})),
		},
	}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	for i, want := range []string{
		`{"dir":{"":[3]},"m":{"":[3]},"o":{"b":[21]}}`,
		`{"dir":{"":[3]},"o":{"b":[21]}}`,
	} {
		child := c.child(t, pr, "show", i)
		if got := child.Annotations[v1.AnnotationUnread]; got != want {
			t.Errorf("combination %d: want %s, got %s for %+v", i, want, got, child.Spec.Params)
		}
	}
}

// TestPipelineWithoutTasks: its run succeeds at once, as in Tekton.
func TestPipelineWithoutTasks(t *testing.T) {
	pr := run()
	pr.Spec.PipelineSpec.Description = "later"
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	wantCondition(t, pr, metav1.ConditionTrue, v1.PipelineRunReasonSucceeded, "Tasks Completed: 0 (Failed: 0, Cancelled 0), Skipped: 0")
	if pr.Status.StartTime == nil || pr.Status.CompletionTime == nil {
		t.Errorf("want both times, got %+v", pr.Status)
	}
}

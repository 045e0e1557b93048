package pipelinerun

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/name"
)

// first returns the TaskRuns that the first pass over a run makes, by name.
func first(t *testing.T, pr *v1.PipelineRun) map[string]*v1.TaskRun {
	t.Helper()
	c := newCluster(t, interceptor.Funcs{}, pr)
	return c.made(t, pr)
}

func (c *cluster) made(t *testing.T, pr *v1.PipelineRun) map[string]*v1.TaskRun {
	t.Helper()
	after := c.settle(t, pr)
	list := &v1.TaskRunList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) == 0 {
		t.Fatalf("nothing was made: %v", after.Status.Condition())
	}
	all := map[string]*v1.TaskRun{}
	for i := range list.Items {
		all[list.Items[i].Name] = &list.Items[i]
	}
	return all
}

func TestChild(t *testing.T) {
	task := embedded("build", v1.TaskSpec{
		Params: []v1.ParamSpec{{Name: "own"}, {Name: "declared"}, {Name: "defaulted", Default: &v1.Value{Type: v1.TypeString, String: "inner"}}},
		Steps: []v1.Step{{
			Image:  "i",
			Args:   []string{"$(params.flags[*])", "$(params.own)"},
			Script: "echo $(params.greeting) $(params.defaulted) $(context.pipelineRun.name)",
		}},
	}, param("own", "$(params.greeting) of $(context.pipelineRun.name), tried $(context.pipelineTask.retries) times"))
	task.TaskSpec.Steps[0].Script = "echo $(params.greeting) $(params.defaulted)"
	task.TaskSpec.Metadata = v1.PipelineTaskMetadata{
		Labels:      map[string]string{"task": "l", "team": "task"},
		Annotations: map[string]string{"task": "a"},
	}
	task.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "src", Workspace: "source", SubPath: "sub/$(params.greeting)"}, {Name: "cache"}}
	task.TaskSpec.Workspaces = []v1.WorkspaceDeclaration{{Name: "src"}, {Name: "cache", Optional: true}}
	task.Retries, task.Timeout = 2, &metav1.Duration{Duration: time.Minute}
	task.DisplayName = "Build for $(params.greeting)"
	pr := run(task)
	pr.Labels = map[string]string{"team": "run", v1.LabelPipelineRunUID: "forged"}
	pr.Annotations = map[string]string{
		"kubectl.kubernetes.io/last-applied-configuration": "{}",
		"team/x":               "y",
		"chains.tekton.dev/x":  "forged",
		v1.AnnotationFinal:     "forged",
		v1.AnnotationStoppedAt: "forged",
	}
	pr.Spec.TaskRunTemplate.ServiceAccountName = "builder"
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "greeting"}, {Name: "declared"}, {Name: "flags", Type: v1.TypeArray}}
	pr.Spec.Params = []v1.Param{param("greeting", "hello"), param("declared", "d"), param("defaulted", "outer"), array("flags", "-v")}
	pr.Spec.PipelineSpec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "source"}, {Name: "cache", Optional: true}}
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{
		Name:     "source",
		SubPath:  "top/$(context.pipelineRun.name)",
		EmptyDir: &corev1.EmptyDirVolumeSource{},
	}}

	want := &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "run-build", UID: "uid-of-run-build",
			Labels: map[string]string{
				"team": "run", "task": "l", "app.kubernetes.io/managed-by": "tekton-pipelines",
				"tekton.dev/pipeline": "run", "tekton.dev/pipelineRun": "run", "tekton.dev/pipelineRunUID": "pr-uid",
				"tekton.dev/pipelineTask": "build", "tekton.dev/memberOf": "tasks",
			},
			Annotations:     map[string]string{"team/x": "y", v1.AnnotationFinal: "podTemplate,workspaces,taskRef.params", "task": "a"},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pr, v1.GroupVersion.WithKind("PipelineRun"))},
		},
		Spec: v1.TaskRunSpec{
			Params: []v1.Param{
				param("own", "hello of run, tried 2 times"), param("declared", "d"), param("defaulted", "outer"),
				array("flags", "-v"), param("greeting", "hello"),
			},
			ServiceAccountName: "builder", Retries: 2, Timeout: &metav1.Duration{Duration: time.Minute},
			Workspaces: []v1.WorkspaceBinding{{Name: "src", SubPath: "top/run/sub/hello", EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
	}
	c := newCluster(t, interceptor.Funcs{}, pr)
	got := c.made(t, pr)["run-build"]
	spec := got.Spec.TaskSpec
	got.Spec.TaskSpec = nil
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(metav1.ObjectMeta{}, "ResourceVersion")); diff != "" {
		t.Errorf("TaskRun: -want, +got:\n%s", diff)
	}
	if spec.Steps[0].Script != "echo $(params.greeting) $(params.defaulted)" {
		t.Errorf("the task that is written out must stay as it is, for the TaskRun to substitute in: %q", spec.Steps[0].Script)
	}
	if ref := c.settle(t, pr).Status.ChildReferences[0]; ref.DisplayName != "Build for hello" {
		t.Errorf("display name: %q", ref.DisplayName)
	}
}

func TestChildNamesAreValidForAnyTask(t *testing.T) {
	pr := run()
	pr.Name = strings.Repeat("long.", 50) + "x"
	seen := map[string]bool{}
	for _, index := range []int{-1, 0, 999} {
		got := childName(pr, strings.Repeat("task-", 12)+"x", index)
		if len(got) > name.MaxLabel || seen[got] {
			t.Errorf("%q has %d characters, or is not the only one", got, len(got))
		}
		seen[got] = true
	}
}

// What is nearer comes first: the pipeline's task, then what the run gives, then the task's default, then the pipeline's.
func TestPropagatedParams(t *testing.T) {
	text := func(s string) *v1.Value { return &v1.Value{Type: v1.TypeString, String: s} }
	cases := map[string]struct {
		reason   string
		declared *v1.ParamSpec // in the task
		given    *v1.Param     // by the pipeline's task
		pipeline *v1.ParamSpec
		run      *v1.Param
		uses     string
		want     []v1.Param
	}{
		"Used": {
			reason: "A task sees the run's params by name.",
			run:    new(param("p", "run")),
			uses:   "$(params.p)",
			want:   []v1.Param{param("p", "run")},
		},
		"Unused": {
			reason: "What it does not use is not handed on.",
			run:    new(param("p", "run")),
			uses:   "x",
		},
		"Declared": {
			reason:   "One that it declares is used.",
			declared: &v1.ParamSpec{Name: "p"},
			run:      new(param("p", "run")),
			want:     []v1.Param{param("p", "run")},
		},
		"Default": {
			reason:   "A pipeline's default reaches it, too.",
			declared: &v1.ParamSpec{Name: "p"},
			pipeline: &v1.ParamSpec{Name: "p", Default: text("pipeline")},
			want:     []v1.Param{param("p", "pipeline")},
		},
		"Given": {
			reason: "What the pipeline gives to the task comes first.",
			given:  new(param("p", "task")),
			run:    new(param("p", "run")),
			uses:   "$(params.p)",
			want:   []v1.Param{param("p", "task")},
		},
		"InnerDefault": {
			reason:   "A default of the task is nearer than one of the pipeline.",
			declared: &v1.ParamSpec{Name: "p", Default: text("inner")},
			pipeline: &v1.ParamSpec{Name: "p", Default: text("outer")},
			uses:     "$(params.p)",
		},
		"RunOverIt": {
			reason:   "What the run gives overrides a default.",
			declared: &v1.ParamSpec{Name: "p", Default: text("inner")},
			run:      new(param("p", "run")),
			want:     []v1.Param{param("p", "run")},
		},
		"OtherType": {
			reason:   "But not one of another type, which happens to have its name.",
			declared: &v1.ParamSpec{Name: "p", Type: v1.TypeArray, Default: new(v1.ArrayValue("inner"))},
			run:      new(param("p", "run")),
		},
		"Object": {
			reason: "Of objects each key is looked up for itself.",
			given:  &v1.Param{Name: "p", Value: v1.ObjectValue(map[string]string{"branch": "main", "url": "task"})},
			run:    &v1.Param{Name: "p", Value: v1.ObjectValue(map[string]string{"commit": "1", "url": "run"})},
			uses:   "$(params.p.url) $(params.p.commit) $(params.p.branch)",
			want:   []v1.Param{{Name: "p", Value: v1.ObjectValue(map[string]string{"branch": "main", "url": "task", "commit": "1"})}},
		},
		"WholeArray": {
			reason: "Arrays stay arrays.",
			run:    new(array("p", "a", "b")),
			uses:   "$(params.p[0])",
			want:   []v1.Param{array("p", "a", "b")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			task := embedded("x", v1.TaskSpec{Steps: []v1.Step{{Image: "i", Script: "echo " + tc.uses}}})
			if tc.declared != nil {
				task.TaskSpec.Params = []v1.ParamSpec{*tc.declared}
			}
			if tc.given != nil {
				task.Params = []v1.Param{*tc.given}
			}
			pr := run(task)
			if tc.pipeline != nil {
				pr.Spec.PipelineSpec.Params = []v1.ParamSpec{*tc.pipeline}
			}
			if tc.run != nil {
				pr.Spec.Params = []v1.Param{*tc.run}
			}
			if diff := cmp.Diff(tc.want, first(t, pr)["run-x"].Spec.Params, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("\n%s\nparams: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMatrix(t *testing.T) {
	task := embedded("test", v1.TaskSpec{
		Params:  []v1.ParamSpec{{Name: "os"}, {Name: "arch"}, {Name: "fixed"}, {Name: "extra", Default: &v1.Value{Type: v1.TypeString}}},
		Results: []v1.TaskResult{{Name: "r"}},
	}, param("fixed", "x"))
	task.Matrix = &v1.Matrix{
		Params:  []v1.Param{{Name: "os", Value: v1.StringValue("$(params.systems[*])")}, array("arch", "amd64")},
		Include: []v1.MatrixInclude{{Name: "special", Params: []v1.Param{param("os", "plan9"), param("arch", "arm"), param("extra", "y")}}},
	}
	all := embedded("all", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "rs", Type: v1.TypeArray}, {Name: "n"}}},
		param("rs", "$(tasks.test.results.r[*])"), param("n", "$(tasks.test.matrix.length) $(tasks.test.matrix.r.length)"))
	pr := run(task, all)
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "systems", Type: v1.TypeArray}}
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "rs", Value: v1.StringValue("$(tasks.test.results.r[*])")}}
	pr.Spec.Params = []v1.Param{array("systems", "linux", "mac")}
	c := newCluster(t, interceptor.Funcs{}, pr)
	made := c.made(t, pr)
	want := map[string][]v1.Param{
		"run-test-0": {param("fixed", "x"), param("arch", "amd64"), param("os", "linux")},
		"run-test-1": {param("fixed", "x"), param("arch", "amd64"), param("os", "mac")},
		"run-test-2": {param("fixed", "x"), param("arch", "arm"), param("extra", "y"), param("os", "plan9")},
	}
	got := map[string][]v1.Param{}
	for name, tr := range made {
		got[name] = tr.Spec.Params
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("params: -want, +got:\n%s", diff)
	}
	after := c.settle(t, pr)
	if ref := after.Status.ChildReferences[2]; ref.Name != "run-test-2" || ref.DisplayName != "special" || ref.PipelineTaskName != "test" {
		t.Errorf("the third reference is %+v", ref)
	}
	wantCondition(t, after, metav1.ConditionUnknown, v1.PipelineRunReasonRunning,
		"Tasks Completed: 0 (Failed: 0, Cancelled 0), Incomplete: 2")

	c.endOf(t, c.child(t, pr, "test", 2), done(), text("r", "c"))
	c.endOf(t, c.child(t, pr, "test", 0), done(), text("r", "a"))
	if names := c.children(t); len(names) != 3 {
		t.Errorf("one of three still runs, and there are %v", names)
	}
	c.endOf(t, c.child(t, pr, "test", 1), done()) // a result that was not written is left out
	c.settle(t, pr)
	if diff := cmp.Diff([]v1.Param{array("rs", "a", "c"), param("n", "3 2")}, c.child(t, pr, "all", -1).Spec.Params); diff != "" {
		t.Errorf("results of all: -want, +got:\n%s", diff)
	}
	c.end(t, pr, "all", done())
	after = c.settle(t, pr)
	if diff := cmp.Diff([]v1.PipelineRunResult{{Name: "rs", Value: v1.ArrayValue("a", "c")}}, after.Status.Results); diff != "" {
		t.Errorf("results of the run: -want, +got:\n%s", diff)
	}
}

func TestMatrixThatCannotRun(t *testing.T) {
	fan := func(value v1.Value) *v1.PipelineRun {
		task := embedded("x", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "m"}}})
		task.Matrix = &v1.Matrix{Params: []v1.Param{{Name: "m", Value: value}}}
		pr := run(task)
		pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "list", Type: v1.TypeArray}}
		return pr
	}
	whole := v1.StringValue("$(params.list[*])")
	cases := map[string]struct {
		reason string
		list   []string
		status metav1.ConditionStatus
		want   string
		skip   string
	}{
		"Empty": {
			reason: "Without elements there is nothing to run.",
			status: metav1.ConditionTrue,
			want:   "Skipped: 1",
			skip:   v1.SkipReasonEmptyMatrix,
		},
		"TooMany": {
			reason: "Too many are refused by number.",
			list:   make([]string, 257),
			status: metav1.ConditionFalse,
			want:   "at least 257, and the limit is 256",
			skip:   v1.SkipReasonInvalid,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := fan(whole)
			pr.Spec.Params = []v1.Param{array("list", tc.list...)}
			c := newCluster(t, interceptor.Funcs{}, pr)
			pr = c.settle(t, pr)
			got := pr.Status.Condition()
			if got.Status != tc.status || !strings.Contains(got.Message, tc.want) {
				t.Errorf("\n%s\nwant %s with %q, got %s: %s", tc.reason, tc.status, tc.want, got.Status, got.Message)
			}
			if diff := cmp.Diff([]string{"x: " + tc.skip}, skipped(pr)); diff != "" {
				t.Errorf("\n%s\nskipped: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	a, b := plain("a"), plain("b")
	a.TaskSpec.Steps[0].Name = "s"
	a.Params = []v1.Param{param("arch", "arm64")}
	a.TaskSpec.Params = []v1.ParamSpec{{Name: "arch"}}
	a.Timeout = &metav1.Duration{Duration: time.Hour}
	a.TaskSpec.Metadata.Labels = map[string]string{"x": "task"}
	pr := finally(run(a, b), plain("f"))
	pr.Labels = map[string]string{"x": "run"}
	pr.Spec.TaskRunTemplate = v1.PipelineTaskRunTemplate{
		ServiceAccountName: "all",
		PodTemplate:        &v1.PodTemplate{SchedulerName: "s", NodeSelector: map[string]string{"all": "yes"}},
	}
	cpu := &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}
	pr.Spec.TaskRunSpecs = []v1.PipelineTaskRunSpec{{
		PipelineTaskName: "a", ServiceAccountName: "own",
		PodTemplate:      &v1.PodTemplate{NodeSelector: map[string]string{"arch": "$(params.arch)"}},
		Metadata:         &v1.PipelineTaskMetadata{Labels: map[string]string{"x": "override"}, Annotations: map[string]string{"y": "z"}},
		ComputeResources: cpu,
		Timeout:          &metav1.Duration{Duration: 2 * time.Minute},
	}}
	pr.Spec.Timeouts = &v1.Timeouts{
		Pipeline: &metav1.Duration{Duration: 10 * time.Minute},
		Finally:  &metav1.Duration{Duration: 3 * time.Minute},
	}
	c := newCluster(t, interceptor.Funcs{}, pr)
	made := c.made(t, pr)
	got := made["run-a"].Spec
	if got.ServiceAccountName != "own" || got.Timeout.Duration != 2*time.Minute ||
		!got.ComputeResources.Requests.Cpu().Equal(resource.MustParse("1")) {
		t.Errorf("spec of a: %+v", got)
	}
	if diff := cmp.Diff(&v1.PodTemplate{SchedulerName: "s", NodeSelector: map[string]string{"arch": "arm64"}}, got.PodTemplate); diff != "" {
		t.Errorf("pod template of a: -want, +got:\n%s", diff)
	}
	if made["run-a"].Labels["x"] != "override" || made["run-b"].Labels["x"] != "run" || made["run-a"].Annotations["y"] != "z" {
		t.Errorf("labels: %v, %v", made["run-a"].Labels, made["run-b"].Labels)
	}
	if b := made["run-b"].Spec; b.ServiceAccountName != "all" || b.Timeout.Duration != 7*time.Minute ||
		b.PodTemplate.NodeSelector["all"] != "yes" {
		t.Errorf("spec of b, which has what finally leaves of the run's time: %+v", b)
	}
	c.end(t, pr, "a", done())
	c.end(t, pr, "b", done())
	c.settle(t, pr)
	if f := c.child(t, pr, "f", -1); f.Spec.Timeout.Duration != 3*time.Minute || f.Labels[v1.LabelMemberOf] != "finally" {
		t.Errorf("the task of finally has %v, %v", f.Spec.Timeout, f.Labels)
	}
}

func TestTimeouts(t *testing.T) {
	d := func(minutes int) *metav1.Duration {
		return &metav1.Duration{Duration: time.Duration(minutes) * time.Minute}
	}
	cases := map[string]struct {
		reason string
		given  *v1.Timeouts
		want   [3]int // minutes
	}{
		"None": {
			reason: "The installation's default is that of the whole run.",
			want:   [3]int{60, 0, 0},
		},
		"Pipeline": {
			reason: "So is the run's own.",
			given:  &v1.Timeouts{Pipeline: d(5)},
			want:   [3]int{5, 0, 0},
		},
		"Tasks": {
			reason: "What the tasks leave is for finally.",
			given:  &v1.Timeouts{Pipeline: d(5), Tasks: d(2)},
			want:   [3]int{5, 2, 3},
		},
		"Finally": {
			reason: "And the other way round.",
			given:  &v1.Timeouts{Pipeline: d(5), Finally: d(2)},
			want:   [3]int{5, 3, 2},
		},
		"OfTheDefault": {
			reason: "Also of the default.",
			given:  &v1.Timeouts{Finally: d(20)},
			want:   [3]int{60, 40, 20},
		},
		"WithoutLimit": {
			reason: "Nothing is left of a run without limit, and nothing needed.",
			given:  &v1.Timeouts{Pipeline: d(0), Tasks: d(2)},
			want:   [3]int{0, 2, 0},
		},
		"All": {
			reason: "All can be said.",
			given:  &v1.Timeouts{Pipeline: d(9), Tasks: d(2), Finally: d(1)},
			want:   [3]int{9, 2, 1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := run()
			pr.Spec.Timeouts = tc.given
			got := timeoutsOf(pr, config.Default().Defaults)
			want := Timeouts{d(tc.want[0]).Duration, d(tc.want[1]).Duration, d(tc.want[2]).Duration}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("\n%s\ntimeouts: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// A reconcile starts only a part of many tasks, so that the status reports them soon, and continues immediately.
func TestManyTasksStartInParts(t *testing.T) {
	var tasks []v1.PipelineTask
	for i := range 300 {
		tasks = append(tasks, plain(fmt.Sprintf("t%d", i)))
	}
	pr := run(tasks...)
	c := newCluster(t, interceptor.Funcs{}, pr)
	for _, want := range []int{128, 256, 300, 300} {
		pr, _ = c.pass(t, pr)
		if got := len(pr.Status.ChildReferences); got != want {
			t.Errorf("want %d tasks started, got %d", want, got)
		}
	}
	if c.calls["create"] != 300 || c.calls["status"] != 3 {
		t.Errorf("want 300 creations and 3 patches of the status, got %v", c.calls)
	}
}

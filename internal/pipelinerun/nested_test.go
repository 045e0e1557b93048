package pipelinerun

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// nested is a task that is an embedded pipeline.
func nested(tb testing.TB, task string, spec v1.PipelineSpec, params ...v1.Param) v1.PipelineTask {
	tb.Helper()
	raw, err := json.Marshal(spec)
	if err != nil {
		tb.Fatal(err)
	}
	return v1.PipelineTask{Name: task, PipelineSpec: &runtime.RawExtension{Raw: raw}, Params: params}
}

// inner is a pipeline with one task, a param p, and a result r, for which the task writes its result r.
func inner(task v1.PipelineTask) v1.PipelineSpec {
	return v1.PipelineSpec{
		Params: []v1.ParamSpec{{Name: "p", Default: &v1.Value{Type: v1.TypeString}}}, Tasks: []v1.PipelineTask{task},
		Results: []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks." + task.Name + ".results.r)")}},
	}
}

// toPipeline is a task that refers to a Pipeline.
func toPipeline(task, pipeline string, params ...v1.Param) v1.PipelineTask {
	return v1.PipelineTask{Name: task, PipelineRef: &v1.PipelineRef{Name: pipeline}, Params: params}
}

func pipelineNamed(name string, spec v1.PipelineSpec) *v1.Pipeline {
	return &v1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: spec}
}

// pipelineRun returns the PipelineRun of a task; index is negative for one without a matrix.
func (c *cluster) pipelineRun(t *testing.T, pr *v1.PipelineRun, task string, index int) *v1.PipelineRun {
	t.Helper()
	return get(t, c, types.NamespacedName{Namespace: pr.Namespace, Name: childName(pr, task, index)}, &v1.PipelineRun{})
}

// settleAll reconciles all PipelineRuns until none changes, and returns this one.
func (c *cluster) settleAll(t *testing.T, pr *v1.PipelineRun) *v1.PipelineRun {
	t.Helper()
	versions := map[string]string{}
	for range 100 {
		list := &v1.PipelineRunList{}
		if err := c.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		now := map[string]string{}
		for i := range list.Items {
			now[list.Items[i].Name] = list.Items[i].ResourceVersion
		}
		if maps.Equal(versions, now) {
			return get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{})
		}
		versions = now
		for i := range list.Items {
			c.settle(t, &list.Items[i])
		}
	}
	t.Fatal("the runs change for ever")
	return nil
}

// leaf returns the only TaskRun that has not ended.
func (c *cluster) leaf(t *testing.T) *v1.TaskRun {
	t.Helper()
	list := &v1.TaskRunList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	list.Items = slices.DeleteFunc(list.Items, func(tr v1.TaskRun) bool { return tr.Status.Done() })
	if len(list.Items) != 1 {
		t.Fatalf("want one running TaskRun, got %d", len(list.Items))
	}
	return &list.Items[0]
}

// TestPipelineRunOfATask: what a task and its run say reaches the PipelineRun of the task.
func TestPipelineRunOfATask(t *testing.T) {
	referred := toPipeline("referred", "$(params.x)", param("p", "$(params.x)"), array("list", "a", "b"))
	referred.Timeout, referred.DisplayName = &metav1.Duration{Duration: time.Minute}, "For $(params.x)"
	referred.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "inner", Workspace: "outer", SubPath: "sub"}}
	spec := inner(producing("a", "r"))
	pr := run(referred, nested(t, "written", spec))
	pr.Labels["of"], pr.Annotations = "run", map[string]string{"note": "run", v1.AnnotationStopReason: "forged"}
	pr.Spec.Params = []v1.Param{param("x", "value")}
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "x"}}
	pr.Spec.PipelineSpec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "outer"}}
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "outer", SubPath: "top", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	managedBy := v1.ManagedByThis
	pr.Spec.ManagedBy = &managedBy
	pr.Spec.TaskRunTemplate = v1.PipelineTaskRunTemplate{
		ServiceAccountName: "all", PodTemplate: &v1.PodTemplate{NodeSelector: map[string]string{"for": "$(params.x)"}},
	}
	pr.Spec.TaskRunSpecs = []v1.PipelineTaskRunSpec{{PipelineTaskName: "written", ServiceAccountName: "own"}}
	pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: 2 * time.Hour}, Tasks: &metav1.Duration{Duration: time.Hour}}
	c := newCluster(t, interceptor.Funcs{}, pr, pipelineNamed("value", v1.PipelineSpec{
		Params: []v1.ParamSpec{{Name: "p"}, {Name: "list", Type: v1.TypeArray}}, Tasks: []v1.PipelineTask{plain("a")},
		Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "inner"}},
	}))
	pr = c.settle(t, pr)

	template := &v1.PodTemplate{NodeSelector: map[string]string{"for": "value"}}
	want := map[string]v1.PipelineRunSpec{
		"referred": {
			PipelineRef:     &v1.PipelineRef{Name: "value"},
			Params:          []v1.Param{param("p", "value"), array("list", "a", "b")},
			Workspaces:      []v1.WorkspaceBinding{{Name: "inner", SubPath: "top/sub", EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			TaskRunTemplate: v1.PipelineTaskRunTemplate{ServiceAccountName: "all", PodTemplate: template},
			Timeouts:        &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Minute}}, ManagedBy: &managedBy,
		},
		"written": {
			PipelineSpec:    &spec,
			TaskRunTemplate: v1.PipelineTaskRunTemplate{ServiceAccountName: "own", PodTemplate: template},
			Timeouts:        &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Hour}}, ManagedBy: &managedBy,
		},
	}
	for task, spec := range want {
		got := c.pipelineRun(t, pr, task, -1)
		if diff := cmp.Diff(spec, got.Spec, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("PipelineRun of %s: -want, +got:\n%s", task, diff)
		}
		pipeline := map[string]string{"referred": "value", "written": "run-written"}[task]
		labels := map[string]string{
			"of": "run", v1.LabelPipeline: pipeline, v1.LabelPipelineRun: "run", v1.LabelPipelineRunUID: "pr-uid", v1.LabelPipelineTask: task,
			v1.LabelMemberOf: v1.MemberOfTasks, v1.LabelManagedBy: v1.ManagedBy,
		}
		if diff := cmp.Diff(labels, got.Labels); diff != "" {
			t.Errorf("labels of %s: -want, +got:\n%s", task, diff)
		}
		annotations := map[string]string{"note": "run", v1.AnnotationFinal: "podTemplate,workspaces,pipelineRef.params"}
		if diff := cmp.Diff(annotations, got.Annotations); diff != "" {
			t.Errorf("annotations of %s: -want, +got:\n%s", task, diff)
		}
		if !metav1.IsControlledBy(got, pr) {
			t.Errorf("PipelineRun of %s does not belong to the run: %v", task, got.OwnerReferences)
		}
	}
	refs := []v1.ChildReference{
		{
			APIVersion: "tekton.dev/v1", Kind: "PipelineRun", Name: "run-referred", PipelineTaskName: "referred", DisplayName: "For value",
		},
		{APIVersion: "tekton.dev/v1", Kind: "PipelineRun", Name: "run-written", PipelineTaskName: "written"},
	}
	if diff := cmp.Diff(refs, pr.Status.ChildReferences); diff != "" {
		t.Errorf("childReferences: -want, +got:\n%s", diff)
	}
}

// TestResultsOfNestedPipelines: a result of a nested pipeline is used everywhere, byte for byte. Text in it that looks like a
// variable stays, also on its way into a pipeline and out of it.
func TestResultsOfNestedPipelines(t *testing.T) {
	const value = "$(params.p) $(context.pipelineRun.name) $$(x)\n\u2028 end"
	pass := inner(taking("a", "$(params.p)"))
	pass.Tasks[0].TaskSpec.Results = []v1.TaskResult{{Name: "r"}}
	guarded := taking("guarded", "x")
	guarded.When = []v1.WhenExpression{{Input: "$(tasks.make.results.r)", Operator: v1.WhenNotIn, Values: []string{""}}}
	many := nested(t, "many", pass)
	many.Matrix = &v1.Matrix{Params: []v1.Param{array("p", "first", "second")}}
	all := embedded("all", v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p", Type: v1.TypeArray}}}, param("p", "$(tasks.many.results.r[*])"))
	first, second := nested(t, "make", inner(producing("a", "r"))), nested(t, "next", pass, param("p", "$(tasks.make.results.r)"))
	pr := run(first, second, guarded, many, all)
	finally(pr, taking("last", "$(tasks.make.results.r) $(tasks.make.status) $(tasks.make.reason)"))
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks.next.results.r)")}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settleAll(t, pr)
	c.end(t, c.pipelineRun(t, pr, "make", -1), "a", done(), text("r", value))
	for i, r := range []string{"first", "second"} {
		child := c.pipelineRun(t, pr, "many", i)
		if got := c.child(t, child, "a", -1).Spec.Params[0].Value.String; got != r {
			t.Errorf("combination %d got %q, want %q", i, got, r)
		}
		c.end(t, child, "a", done(), text("r", r))
	}
	pr = c.settleAll(t, pr)
	next := c.pipelineRun(t, pr, "next", -1)
	if diff := cmp.Diff(value, c.child(t, next, "a", -1).Spec.Params[0].Value.String); diff != "" {
		t.Errorf("param of the task in the next pipeline: -want, +got:\n%s", diff)
	}
	if unread := c.child(t, next, "a", -1).Annotations[v1.AnnotationUnread]; unread != "" {
		t.Errorf("the task reads the text of the result: %s", unread)
	}
	c.end(t, next, "a", done(), text("r", value))
	if diff := cmp.Diff(v1.ArrayValue("first", "second"), c.child(t, pr, "all", -1).Spec.Params[0].Value); diff != "" {
		t.Errorf("param of the task after the matrix: -want, +got:\n%s", diff)
	}
	c.end(t, pr, "all", done())
	c.end(t, pr, "guarded", done())
	pr = c.settleAll(t, pr)
	if diff := cmp.Diff(value+strings.Repeat(" Succeeded", 2), c.child(t, pr, "last", -1).Spec.Params[0].Value.String); diff != "" {
		t.Errorf("param of the task of finally: -want, +got:\n%s", diff)
	}
	c.end(t, pr, "last", done())
	pr = c.settleAll(t, pr)
	want := []v1.PipelineRunResult{{Name: "r", Value: v1.StringValue(value)}}
	if diff := cmp.Diff(want, pr.Status.Results); diff != "" || pr.Status.Condition().Status != metav1.ConditionTrue {
		t.Errorf("results of the run, which is %v: -want, +got:\n%s", pr.Status.Condition(), diff)
	}
}

// TestMissingResultOfANestedPipeline: a run never continues with an empty value in place of a result that the pipeline left out.
func TestMissingResultOfANestedPipeline(t *testing.T) {
	pr := run(nested(t, "make", inner(producing("a", "r"))), taking("use", "$(tasks.make.results.r)"))
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settleAll(t, pr)
	c.endOf(t, c.leaf(t), done())
	pr = c.settleAll(t, pr)
	wantCondition(t, pr, metav1.ConditionFalse, v1.PipelineRunReasonInvalidTaskResultReference, `result "r" of task "make"`)
}

// TestTextOfANestedPipelineIsFinal: a value that the outer run has inserted is never read again by the inner one, whatever it looks
// like: in workspaces, in the params of a resolver, and in a pod template.
func TestTextOfANestedPipelineIsFinal(t *testing.T) {
	const value = "$(context.pipelineRun.name)"
	task := v1.PipelineTask{Name: "n", PipelineRef: &v1.PipelineRef{ResolverRef: v1.ResolverRef{
		Resolver: "git", Params: []v1.Param{param("path", "$(tasks.make.results.r)")},
	}}}
	written := nested(t, "w", v1.PipelineSpec{
		Tasks:      []v1.PipelineTask{{Name: "a", TaskSpec: plain("a").TaskSpec, Workspaces: []v1.WorkspacePipelineTaskBinding{{Name: "ws"}}}},
		Workspaces: []v1.PipelineWorkspaceDeclaration{{Name: "ws"}},
	})
	written.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "ws", SubPath: "$(tasks.make.results.r)"}}
	pr := run(producing("make", "r"), task, written)
	pr.Spec.Params = []v1.Param{param("x", value)}
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "x"}}
	pr.Spec.PipelineSpec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "ws"}}
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{Name: "ws", EmptyDir: &corev1.EmptyDirVolumeSource{}}}
	pr.Spec.TaskRunTemplate.PodTemplate = &v1.PodTemplate{NodeSelector: map[string]string{"for": "$(params.x)"}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	c.end(t, pr, "make", done(), text("r", value))
	pr = c.settleAll(t, pr)
	ref, err := substituted(c.pipelineRun(t, pr, "n", -1), c.pipelineRun(t, pr, "n", -1).Spec.PipelineRef)
	if err != nil || ref.Params[0].Value.String != value {
		t.Errorf("the resolver gets %v, %v; want %q", ref, err, value)
	}
	got := c.child(t, c.pipelineRun(t, pr, "w", -1), "a", -1)
	if got.Spec.Workspaces[0].SubPath != value || got.Spec.PodTemplate.NodeSelector["for"] != value {
		t.Errorf("want %q everywhere, got workspaces %v, pod template %v", value, got.Spec.Workspaces, got.Spec.PodTemplate)
	}
}

// TestPipelineOfATaskIsChecked: what is wrong between a run and a Pipeline that a task refers to is found before any task starts.
func TestPipelineOfATaskIsChecked(t *testing.T) {
	there := pipelineNamed("p", v1.PipelineSpec{
		Params: []v1.ParamSpec{{Name: "list", Type: v1.TypeArray}}, Tasks: []v1.PipelineTask{plain("a")},
		Results: []v1.PipelineResult{{Name: "r", Value: v1.StringValue("x")}},
	})
	overridden := run()
	overridden.Spec.PipelineSpec, overridden.Spec.PipelineRef = nil, &v1.PipelineRef{Name: "o"}
	overridden.Spec.TaskRunSpecs = []v1.PipelineTaskRunSpec{{
		PipelineTaskName: "n", StepSpecs: []v1.TaskRunStepSpec{{Name: "s"}},
	}}
	cases := map[string]struct {
		run     *v1.PipelineRun
		want    string
		message string
	}{
		"NotThere": {
			run:     run(plain("first"), toPipeline("n", "missing")),
			want:    v1.PipelineRunReasonCouldntGetPipeline,
			message: `task "n" (tasks[1].pipelineRef): cannot get Pipeline "missing"`,
		},
		"MissingParam": {
			run:     run(toPipeline("n", "p")),
			want:    v1.PipelineRunReasonParameterMissing,
			message: `"list"`,
		},
		"TypeOfParam": {
			run:     run(toPipeline("n", "p", param("list", "text"))),
			want:    v1.PipelineRunReasonParameterTypeMismatch,
			message: `"list"`,
		},
		"UnknownResult": {
			run:     run(toPipeline("n", "p", array("list", "a")), taking("use", "$(tasks.n.results.other)")),
			want:    v1.PipelineRunReasonInvalidTaskResultReference,
			message: `result of task n`,
		},
		"Override": {
			run:     overridden,
			want:    v1.PipelineRunReasonInvalidTaskRunSpecs,
			message: `task "n" is a pipeline, and has no containers`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			outer := pipelineNamed("o", v1.PipelineSpec{Tasks: []v1.PipelineTask{toPipeline("n", "p", array("list", "a"))}})
			c := newCluster(t, interceptor.Funcs{}, tc.run, there, outer)
			pr := c.settle(t, tc.run)
			wantCondition(t, pr, metav1.ConditionFalse, tc.want, tc.message)
			if c.calls["create"] > 0 {
				t.Errorf("%d objects were created", c.calls["create"])
			}
		})
	}
}

// TestGroupOfANestedPipeline: tasks in a nested pipeline run on the node of the outer tasks with which they share a volume.
func TestGroupOfANestedPipeline(t *testing.T) {
	shares := func(task v1.PipelineTask) v1.PipelineTask {
		task.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "ws"}}
		return task
	}
	ws := []v1.PipelineWorkspaceDeclaration{{Name: "ws"}}
	low := v1.PipelineSpec{Workspaces: ws, Tasks: []v1.PipelineTask{shares(plain("leaf")), plain("other")}}
	mid := v1.PipelineSpec{Workspaces: ws, Tasks: []v1.PipelineTask{shares(nested(t, "low", low))}}
	pr := run(shares(plain("outer")), shares(nested(t, "mid", mid)))
	pr.Spec.PipelineSpec.Workspaces = ws
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{
		Name: "ws", PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"},
	}}
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settleAll(t, pr)
	outer := c.child(t, pr, "outer", -1)
	group := outer.Labels[v1.LabelCoschedule]
	lowest := c.pipelineRun(t, c.pipelineRun(t, pr, "mid", -1), "low", -1)
	leaf, other := c.child(t, lowest, "leaf", -1), c.child(t, lowest, "other", -1)
	if group == "" || leaf.Labels[v1.LabelCoschedule] != group || other.Labels[v1.LabelCoschedule] != "" {
		t.Errorf("groups: outer %q, leaf %q, other %q", group, leaf.Labels[v1.LabelCoschedule], other.Labels[v1.LabelCoschedule])
	}
	if diff := cmp.Diff(outer.Spec.PodTemplate, leaf.Spec.PodTemplate); diff != "" {
		t.Errorf("pod template of the leaf: -outer, +leaf:\n%s", diff)
	}
}

// TestNestedCreationsAreLinear: a reconcile creates each PipelineRun with one request, and reads none of them one by one.
func TestNestedCreationsAreLinear(t *testing.T) {
	for _, n := range []int{10, 100} {
		tasks := make([]v1.PipelineTask, n)
		for i := range tasks {
			tasks[i] = nested(t, fmt.Sprintf("t%d", i), inner(producing("a", "r")))
		}
		pr := run(tasks...)
		c := newCluster(t, interceptor.Funcs{}, pr)
		pr, _ = c.pass(t, pr)
		if got := len(pr.Status.ChildReferences); got != n {
			t.Fatalf("%d tasks have %d children", n, got)
		}
		if c.calls["create"] != n || c.total() > n+3 {
			t.Errorf("%d tasks: %v calls", n, c.calls)
		}
	}
}

package pipelinerun

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/taskrun"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
	"github.com/sluice-ci/sluice/internal/when"
)

// drawHostile draws texts that look like variables, of the run, of the task, of the kubelet, and of none.
func drawHostile(t *rapid.T, name string) string {
	pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
		"$(params.token)", "$(params.branch)", "$$(params.token)", "$$", "$", "$(params.absent)",
		"$(context.taskRun.name)", "$(workspaces.w.path)",
		"$(tasks.make.results.r)", "$(HOME)", "$(", ")", "$($(params.token))", "x", "é", "$(params.$(params.token))", "$(results.r.path)",
	}), 1, 5).Draw(t, name)
	return strings.Join(pieces, "")
}

// hostileRun is a run whose pod template, workspace and resolver hold a param and a result, and whose task has a secret param. The
// task starts only if result is the text of a result, and of the last element of another.
func hostileRun(branch, result string) *v1.PipelineRun {
	use := embedded("use", v1.TaskSpec{
		Workspaces: []v1.WorkspaceDeclaration{{Name: "w"}},
		Params:     []v1.ParamSpec{{Name: "token"}, {Name: "r"}, {Name: "l", Type: v1.TypeArray}},
		Steps: []v1.Step{{
			Image: "busybox", Command: []string{"show"}, Args: []string{"$(params.l[*])", "$(tasks.make.results.l[*])", "$(params.list[*])"},
			Env: []corev1.EnvVar{
				{Name: "R", Value: "$(params.r)"}, {Name: "HANDED", Value: "$(tasks.make.results.r)"}, {Name: "MIXED", Value: "$(params.mixed)"},
				{Name: "RUN", Value: "$(context.pipelineRun.name) $(context.pipeline.name) $(context.pipelineTask.retries)"},
				{Name: "DEFAULT", Value: "$(params.where)"}, {Name: "ELEMENT", Value: "<$(tasks.make.results.l[1])>"},
			},
		}},
	}, param("token", "s3cret"), param("r", "$(tasks.make.results.r)"), array("l", "$(params.branch)", "$(tasks.make.results.l[*])"),
		param("mixed", "$(workspaces.w.path)|$(tasks.make.results.r)|$(params.branch)|$(workspaces.w.path)"))
	use.When = []v1.WhenExpression{
		{CEL: `'$(tasks.make.results.r)' == "$(params.same)" && "$(tasks.make.results.l[1])" == '$(params.same)'`},
		{Input: "$(tasks.make.results.r)", Operator: v1.WhenIn, Values: []string{"$(params.same)"}},
		{Input: "$(params.same)", Operator: v1.WhenIn, Values: []string{"$(tasks.make.results.l[*])"}},
	}
	use.Workspaces = []v1.WorkspacePipelineTaskBinding{{Name: "w", SubPath: "$(tasks.make.results.r)"}}
	find := v1.PipelineTask{
		Name: "find", RunAfter: []string{"make"}, Params: []v1.Param{param("token", "s3cret")},
		TaskRef: &v1.TaskRef{ResolverRef: v1.ResolverRef{
			Resolver: "cluster",
			Params:   []v1.Param{param("kind", "task"), param("namespace", "ns"), param("name", "$(tasks.make.results.r)")},
		}},
	}
	pr := run(producing("make", "r", "l"), use, find)
	pr.Spec.PipelineSpec.Tasks[0].TaskSpec.Results[1].Type = v1.TypeArray
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{
		{Name: "branch"}, {Name: "same"}, {Name: "list", Type: v1.TypeArray},
		{Name: "where", Default: new(v1.StringValue("$(workspaces.w.path)|$(params.branch)|$(workspaces.w.path)"))},
	}
	pr.Spec.PipelineSpec.Workspaces = []v1.PipelineWorkspaceDeclaration{{Name: "w"}}
	pr.Spec.Params = []v1.Param{param("branch", branch), param("same", result), array("list", branch, result)}
	pr.Annotations = map[string]string{v1.AnnotationFinal: "nothing"} // which the run's user cannot pass on
	pr.Spec.Workspaces = []v1.WorkspaceBinding{{
		Name:                  "w",
		SubPath:               "$(params.branch)",
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"},
	}}
	pr.Spec.TaskRunTemplate.PodTemplate = &v1.PodTemplate{
		Env: []corev1.EnvVar{{Name: "BRANCH", Value: "$(params.branch)"}}, NodeSelector: map[string]string{"branch": "$(params.branch)"},
	}
	return pr
}

// taskRunReconciler returns a reconciler of TaskRuns on the same API server.
func (c *cluster) taskRunReconciler(t *testing.T) *taskrun.Reconciler {
	t.Helper()
	return c.taskRunReconcilerOn(t, c.WithWatch)
}

func (c *cluster) taskRunReconcilerOn(t *testing.T, on client.WithWatch) *taskrun.Reconciler {
	t.Helper()
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	return taskrun.NewReconciler(taskrun.Dependencies{
		Client: on, Live: on, Recorder: events.NewFakeRecorder(1000), Config: c.config, Clock: c.clock, Evaluator: evaluator,
		Transports: transport.Transports{config.TerminationMessage: terminationmessage.Transport{}}, Wake: make(chan event.GenericEvent),
		Inpod: taskrun.Inpod{Image: "inpod:1", Delivery: pod.ImageVolume}, Images: noImages{},
	})
}

// TestValuesAreReadOnce: whatever a param or a result holds, it arrives in the pod byte for byte: in its environment, its arguments,
// its node selector, its folders, and at the resolver, and when expressions see it. Nothing of another param comes in its place. The
// param is the result of another pipeline.
func TestValuesAreReadOnce(t *testing.T) {
	before := newCluster(t, interceptor.Funcs{})
	rapid.Check(t, func(rt *rapid.T) {
		branch, result := before.throughPipeline(t, rt, drawHostile(rt, "branch")), drawHostile(rt, "result")
		c := newCluster(t, interceptor.Funcs{}, hostileRun(branch, result))
		pr := c.settle(t, hostileRun(branch, result))
		c.end(t, pr, "make", done(), text("r", result),
			v1.TaskRunResult{Name: "l", Type: v1.TypeArray, Value: v1.ArrayValue(branch, result)})
		pr = c.settle(t, pr)
		if pr.Status.Done() || len(pr.Status.SkippedTasks) > 0 {
			rt.Fatalf("want all tasks started: %+v, skipped: %+v", pr.Status.Condition(), pr.Status.SkippedTasks)
		}
		reconciler := c.taskRunReconciler(t)
		for _, task := range []string{"use", "find"} {
			if _, err := reconciler.Reconcile(context.Background(),
				ctrl.Request{NamespacedName: client.ObjectKeyFromObject(c.child(t, pr, task, -1))}); err != nil {
				rt.Fatal(err)
			}
		}
		checkArrived(t, rt, c, pr, branch, result)
	})
}

// throughPipeline returns a result of a pipeline that consists of a param, the result of a task and an element of another one, all
// with this text.
func (c *cluster) throughPipeline(t *testing.T, rt *rapid.T, value string) string {
	t.Helper()
	pr := run(producing("make", "r", "l"))
	pr.Name = fmt.Sprintf("run-%d", c.calls["create"])
	spec := pr.Spec.PipelineSpec
	spec.Tasks[0].TaskSpec.Results[1].Type = v1.TypeArray
	spec.Params = []v1.ParamSpec{{Name: "p", Default: new(v1.StringValue("$(params.given)"))}}
	spec.Results = []v1.PipelineResult{
		{Name: "text", Value: v1.StringValue("$(params.p)$(tasks.make.results.r)$(tasks.make.results.l[0])")},
		{Name: "list", Value: v1.StringValue("$(tasks.make.results.l[*])")},
	}
	pr.Spec.Params = []v1.Param{param("given", value)}
	if err := c.Create(context.Background(), pr); err != nil {
		rt.Fatal(err)
	}
	pr = c.settle(t, pr)
	c.end(t, pr, "make", done(), text("r", value), v1.TaskRunResult{Name: "l", Type: v1.TypeArray, Value: v1.ArrayValue(value)})
	pr = c.settle(t, pr)
	want := []v1.PipelineRunResult{
		{Name: "text", Value: v1.StringValue(value + value + value)}, {Name: "list", Value: v1.ArrayValue(value)},
	}
	if diff := cmp.Diff(want, pr.Status.Results); diff != "" {
		rt.Fatalf("results of the pipeline: -want, +got:\n%s", diff)
	}
	return pr.Status.Results[0].Value.String
}

func checkArrived(t *testing.T, rt *rapid.T, c *cluster, pr *v1.PipelineRun, branch, result string) {
	t.Helper()
	child := c.child(t, pr, "use", -1)
	if child.Status.PodName == "" {
		rt.Fatalf("no pod: %+v", child.Status.Condition())
	}
	p := get(t, c, client.ObjectKey{Namespace: "ns", Name: child.Status.PodName}, &corev1.Pod{})
	env := map[string]string{}
	for _, e := range p.Spec.Containers[0].Env {
		env[e.Name] = kubelet(e.Value)
	}
	if mixed := "/workspace/w|" + result + "|" + branch + "|/workspace/w"; env["HANDED"] != result || env["MIXED"] != mixed {
		rt.Errorf("want %q and %q, got HANDED=%q and MIXED=%q", result, mixed, env["HANDED"], env["MIXED"])
	}
	if want := "/workspace/w|" + branch + "|/workspace/w"; env["DEFAULT"] != want || env["ELEMENT"] != "<"+result+">" {
		rt.Errorf("want %q and %q, got DEFAULT=%q and ELEMENT=%q", want, result, env["DEFAULT"], env["ELEMENT"])
	}
	var args []string
	for _, arg := range p.Spec.Containers[0].Args {
		args = append(args, kubelet(arg))
	}
	want := []string{branch, branch, result, branch, result, branch, result}
	if n := len(args) - len(want); n < 0 || !slices.Equal(args[n:], want) {
		rt.Errorf("want the arguments %q, got %q", want, args)
	}
	if want := pr.Name + " " + pr.Name + " 0"; env["RUN"] != want {
		rt.Errorf("want RUN=%q, got %q", want, env["RUN"])
	}
	if env["BRANCH"] != branch || env["R"] != result || p.Spec.NodeSelector["branch"] != branch {
		rt.Errorf("want %q and %q, got BRANCH=%q, R=%q and node selector %q",
			branch, result, env["BRANCH"], env["R"], p.Spec.NodeSelector["branch"])
	}
	var paths []string
	for _, m := range p.Spec.Containers[0].VolumeMounts {
		paths = append(paths, m.SubPath)
	}
	if got := fmt.Sprint(paths); !strings.Contains(got, branch+"/"+result) {
		rt.Errorf("want the folder %q, got %q", branch+"/"+result, got)
	}
	found := c.child(t, pr, "find", -1)
	if condition := found.Status.Condition(); condition == nil ||
		!strings.Contains(condition.Message, fmt.Sprintf("%q", result)) && !strings.Contains(condition.Message, result) {
		rt.Errorf("want the resolver asked for %q, got %+v", result, condition)
	}
	if strings.Contains(fmt.Sprint(p.Spec.NodeSelector, paths, env["BRANCH"], env["R"], found.Status.Condition()), "s3cret") {
		rt.Error("a secret param is where it was not put")
	}
}

// doubled is what a kubelet halves in an environment.
var doubled = regexp.MustCompile(`\$\$`)

func kubelet(value string) string { return doubled.ReplaceAllString(value, "$$") }

// noImages is an image lookup that is never needed: each step has a script.
type noImages struct{}

func (noImages) Entrypoint(image.Owner, string, image.Pull) (image.Entrypoint, error) {
	return image.Entrypoint{}, errors.New("not asked")
}

func (noImages) Forget(types.NamespacedName) {}

// TestForgedFinal: only the run itself can mark something as final. A Task cannot, and a value that the controller never
// writes is refused.
func TestForgedFinal(t *testing.T) {
	cases := map[string]struct {
		reason string
		run    string
		task   string
		want   string
		node   string
	}{
		"Own":     {reason: "A TaskRun that a user made is all the user's text.", want: "Unknown", node: "value"},
		"OfTask":  {reason: "A Task says nothing about the runs of others.", task: v1.FinalPodTemplate, want: "Unknown", node: "value"},
		"Forged":  {reason: "Who says it has a text that is not substituted.", run: v1.FinalPodTemplate, want: "Unknown", node: "$(params.p)"},
		"Unknown": {reason: "What nobody writes is refused by name.", run: "podTemplate,params", want: "False"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "t", Annotations: map[string]string{v1.AnnotationFinal: tc.task}}}
			task.Spec = v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p"}}, Steps: []v1.Step{{Image: "busybox", Script: "true"}}}
			tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "own", UID: "own-uid"}}
			if tc.run != "" {
				tr.Annotations = map[string]string{v1.AnnotationFinal: tc.run}
			}
			tr.Spec = v1.TaskRunSpec{
				TaskRef:     &v1.TaskRef{Name: "t"},
				Params:      []v1.Param{param("p", "value")},
				PodTemplate: &v1.PodTemplate{NodeSelector: map[string]string{"n": "$(params.p)"}},
			}
			c := newCluster(t, interceptor.Funcs{}, task, tr)
			reconciler := c.taskRunReconciler(t)
			for range 2 { // the first pass may carry the annotations of the Task to the run
				if _, err := reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(tr)}); err != nil {
					t.Fatal(err)
				}
			}
			tr = get(t, c, client.ObjectKeyFromObject(tr), &v1.TaskRun{})
			if got := tr.Status.Condition(); got == nil || string(got.Status) != tc.want ||
				tc.want == "False" && !strings.Contains(got.Message, `"params"`) {
				t.Fatalf("%s: want %s, got %+v", tc.reason, tc.want, got)
			}
			if tc.node == "" {
				return
			}
			p := get(t, c, client.ObjectKey{Namespace: "ns", Name: tr.Status.PodName}, &corev1.Pod{})
			if p.Spec.NodeSelector["n"] != tc.node {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.node, p.Spec.NodeSelector["n"])
			}
		})
	}
}

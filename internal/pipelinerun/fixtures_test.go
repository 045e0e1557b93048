package pipelinerun

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/metrics"
	"github.com/sluice-ci/sluice/internal/ownership"
	"github.com/sluice-ci/sluice/internal/partial/checked"
	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/resolve/request"
	"github.com/sluice-ci/sluice/internal/taskrun"
	"github.com/sluice-ci/sluice/internal/traces"
	"github.com/sluice-ci/sluice/internal/when"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// cluster is an API server in memory, and a reconciler whose cache has dropped what the real one drops.
type cluster struct {
	client.WithWatch
	reconciler *Reconciler
	recorder   *events.FakeRecorder
	clock      *testclock.FakePassiveClock
	config     *config.Store
	// metrics of the reconcilers that restart makes; nil for none.
	metrics *metrics.Runs
	// traces sends the spans of runs; nil for none.
	traces *traces.Exporter
	// trust verifies definitions; nil for none.
	trust resolve.Verifier

	mu sync.Mutex
	// calls to the API server by their kind: create, patch, status, get, list.
	calls map[string]int
}

func (c *cluster) count(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call]++
}

// total is how many calls there were.
func (c *cluster) total() int {
	n := 0
	for _, calls := range c.calls {
		n += calls
	}
	return n
}

func newScheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		v1.AddToScheme, v1beta1.AddToScheme, corev1.AddToScheme, resolutionv1beta1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return scheme
}

func newCluster(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *cluster {
	t.Helper()
	c := &cluster{
		recorder: events.NewFakeRecorder(10_000), clock: testclock.NewFakePassiveClock(start), calls: map[string]int{},
		config: config.NewStore(config.Default()),
	}
	c.WithWatch = fake.NewClientBuilder().WithScheme(newScheme(t)).WithObjects(objects...).
		WithStatusSubresource(&v1.PipelineRun{}, &v1.TaskRun{}, &v1beta1.CustomRun{}, &resolutionv1beta1.ResolutionRequest{}).Build()
	c.restart(t, funcs)
	return c
}

// restart makes another reconciler, which knows nothing of what the one before has done.
func (c *cluster) restart(t *testing.T, funcs interceptor.Funcs) {
	t.Helper()
	evaluator, err := when.NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	cached, live := checked.New(interceptor.NewClient(c.WithWatch, c.cached(funcs))), interceptor.NewClient(c.WithWatch, c.live())
	c.reconciler = NewReconciler(Dependencies{
		Client: cached, Live: live, Recorder: c.recorder, Clock: c.clock, Config: c.config, Evaluator: evaluator, Metrics: c.metrics,
		Requests: request.New(request.Options{Client: cached, Live: live, Clock: c.clock, Config: c.config}), Trust: c.trust, Traces: c.traces,
	})
}

// cached is a client that reads without asking the API server, and counts what it writes there.
func (c *cluster) cached(funcs interceptor.Funcs) interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			if funcs.Get != nil {
				return funcs.Get(ctx, under, key, into, opts...)
			}
			if err := under.Get(ctx, key, into, opts...); err != nil {
				return err
			}
			switch o := into.(type) {
			case *v1.TaskRun:
				taskrun.Trim(o)
			case *v1beta1.CustomRun:
				TrimCustomRun(o)
			case *v1.PipelineRun:
				Trim(o)
			}
			return nil
		},
		Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			c.count("create")
			if o.GetUID() == "" {
				o.SetUID(types.UID("uid-of-" + o.GetName()))
			}
			if funcs.Create != nil {
				return funcs.Create(ctx, under, o, opts...)
			}
			return under.Create(ctx, o, opts...)
		},
		Patch: func(ctx context.Context, under client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			c.count("patch")
			if funcs.Patch != nil {
				return funcs.Patch(ctx, under, o, patch, opts...)
			}
			return under.Patch(ctx, o, patch, opts...)
		},
		SubResourcePatch: func(ctx context.Context, under client.Client, sub string, o client.Object,
			patch client.Patch, opts ...client.SubResourcePatchOption) error {
			c.count("status")
			if funcs.SubResourcePatch != nil {
				return funcs.SubResourcePatch(ctx, under, sub, o, patch, opts...)
			}
			return under.SubResource(sub).Patch(ctx, o, patch, opts...)
		},
	}
}

// live counts what is read from the API server.
func (c *cluster) live() interceptor.Funcs {
	return interceptor.Funcs{
		Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			c.count("get")
			return under.Get(ctx, key, into, opts...)
		},
		List: func(ctx context.Context, under client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			c.count("list")
			return under.List(ctx, list, opts...)
		},
	}
}

// pass reconciles once and returns the run as it is afterwards.
func (c *cluster) pass(t *testing.T, pr *v1.PipelineRun) (*v1.PipelineRun, ctrl.Result) {
	t.Helper()
	key := client.ObjectKeyFromObject(pr)
	result, err := c.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
	if err != nil {
		t.Fatalf("Reconcile: %v", err)
	}
	return get(t, c, key, &v1.PipelineRun{}), result
}

// settle reconciles as often as the run's own status wakes the reconciler.
func (c *cluster) settle(t *testing.T, pr *v1.PipelineRun) *v1.PipelineRun {
	t.Helper()
	for range 100 {
		before := get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{})
		pr, _ = c.pass(t, pr)
		decodesStrictly(t, v1.KindPipelineRun, &v1.PipelineRun{Status: pr.Status})
		if pr.ResourceVersion == before.ResourceVersion {
			return pr
		}
	}
	t.Fatal("the run wakes itself for ever")
	return nil
}

func get[T client.Object](t *testing.T, c client.Client, key types.NamespacedName, into T) T {
	t.Helper()
	if err := c.Get(t.Context(), key, into); err != nil {
		t.Fatal(err)
	}
	return into
}

// child returns the TaskRun of a task; index is negative for one without a matrix.
func (c *cluster) child(t *testing.T, pr *v1.PipelineRun, task string, index int) *v1.TaskRun {
	t.Helper()
	return get(t, c, types.NamespacedName{Namespace: pr.Namespace, Name: childName(pr, task, index)}, &v1.TaskRun{})
}

// end lets the TaskRun of a task end.
func (c *cluster) end(t *testing.T, pr *v1.PipelineRun, task string, condition metav1.Condition, results ...v1.TaskRunResult) {
	t.Helper()
	c.endOf(t, c.child(t, pr, task, -1), condition, results...)
}

func (c *cluster) endOf(t *testing.T, tr *v1.TaskRun, condition metav1.Condition, results ...v1.TaskRunResult) {
	t.Helper()
	tr.Status.SetCondition(condition, metav1.NewTime(start))
	tr.Status.Results = results
	if err := c.Status().Update(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
}

// children returns the names of all TaskRuns.
func (c *cluster) children(t *testing.T) []string {
	t.Helper()
	list := &v1.TaskRunList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names
}

func (c *cluster) update(t *testing.T, pr *v1.PipelineRun, change func(*v1.PipelineRun)) *v1.PipelineRun {
	t.Helper()
	now := get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{})
	change(now)
	if err := c.Update(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	return now
}

func done() metav1.Condition { return v1.Succeeded("All steps have completed") }

func broken() metav1.Condition {
	return v1.Failed(v1.TaskRunReasonFailed, `"step-x" exited with code 1`)
}

func stopped() metav1.Condition { return v1.Failed(v1.TaskRunReasonCancelled, "cancelled") }

func text(name, value string) v1.TaskRunResult {
	return v1.TaskRunResult{Name: name, Type: v1.TypeString, Value: v1.StringValue(value)}
}

func embedded(task string, spec v1.TaskSpec, params ...v1.Param) v1.PipelineTask {
	if len(spec.Steps) == 0 {
		spec.Steps = []v1.Step{{Image: "busybox", Script: "true"}}
	}
	return v1.PipelineTask{Name: task, TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}, Params: params}
}

// plain is a task that waits for others and does nothing.
func plain(task string, after ...string) v1.PipelineTask {
	t := embedded(task, v1.TaskSpec{})
	t.RunAfter = after
	return t
}

// producing is a task with results of type string.
func producing(task string, results ...string) v1.PipelineTask {
	t := plain(task)
	for _, name := range results {
		t.TaskSpec.Results = append(t.TaskSpec.Results, v1.TaskResult{Name: name})
	}
	return t
}

// taking is a task with a param p.
func taking(task, value string) v1.PipelineTask {
	return embedded(task, v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p"}}}, param("p", value))
}

func param(name, value string) v1.Param { return v1.Param{Name: name, Value: v1.StringValue(value)} }

func array(name string, elements ...string) v1.Param {
	return v1.Param{Name: name, Value: v1.ArrayValue(elements...)}
}

func run(tasks ...v1.PipelineTask) *v1.PipelineRun {
	return &v1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: "run", UID: "pr-uid",
			Labels: map[string]string{v1.LabelPipeline: "run"}, // as the webhook sets it
		},
		Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: tasks}},
	}
}

func finally(pr *v1.PipelineRun, tasks ...v1.PipelineTask) *v1.PipelineRun {
	pr.Spec.PipelineSpec.Finally = tasks
	return pr
}

// chain is a run in which "use" takes the results of "make", and "last" runs behind both.
func chain() *v1.PipelineRun {
	pr := run(
		embedded("make", v1.TaskSpec{Results: []v1.TaskResult{
			{Name: "text"}, {Name: "list", Type: v1.TypeArray},
			{Name: "map", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{"k": {}}},
		}}),
		embedded("use", v1.TaskSpec{
			Params: []v1.ParamSpec{
				{Name: "text"}, {Name: "list", Type: v1.TypeArray},
				{Name: "map", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{"k": {}}},
			},
			Results: []v1.TaskResult{{Name: "count"}},
		},
			param("text", "<$(tasks.make.results.text)>"),
			param("list", "$(tasks.make.results.list[*])"),
			param("map", "$(tasks.make.results.map[*])"),
		),
		plain("last", "use"),
	)
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{
		{Name: "count", Value: v1.StringValue("$(tasks.use.results.count)")},
		{Name: "list", Value: v1.StringValue("$(tasks.make.results.list[*])")},
	}
	return pr
}

// skipped returns what the status says was skipped, one line each.
func skipped(pr *v1.PipelineRun) []string {
	var out []string
	for _, s := range pr.Status.SkippedTasks {
		out = append(out, fmt.Sprintf("%s: %s", s.Name, s.Reason))
	}
	return out
}

// manages makes the reconciler that of the runs with this managedBy.
func (c *cluster) manages(managedBy *string) {
	if managedBy != nil && *managedBy == v1.ManagedBySluice {
		c.reconciler.loop.Runs = ownership.Only("")
	}
}

package pipelinerun

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	testclock "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/taskrun"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// cluster is an API server in memory, and a reconciler whose cache has dropped what the real one drops.
type cluster struct {
	client.WithWatch
	reconciler *Reconciler
	recorder   *events.FakeRecorder
	// created counts calls that make TaskRuns; liveGets those that read a whole one.
	created, liveGets int
}

func newCluster(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *cluster {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := &cluster{recorder: events.NewFakeRecorder(100)}
	c.WithWatch = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithStatusSubresource(&v1.PipelineRun{}, &v1.TaskRun{}).Build()
	cached := interceptor.NewClient(c.WithWatch, interceptor.Funcs{
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
			case *v1.PipelineRun:
				Trim(o)
			}
			return nil
		},
		Create: func(ctx context.Context, under client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			c.created++
			if funcs.Create != nil {
				return funcs.Create(ctx, under, o, opts...)
			}
			return under.Create(ctx, o, opts...)
		},
		SubResourcePatch: funcs.SubResourcePatch,
	})
	live := interceptor.NewClient(c.WithWatch, interceptor.Funcs{
		Get: func(ctx context.Context, under client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			if _, ok := into.(*v1.TaskRun); ok {
				c.liveGets++
			}
			return under.Get(ctx, key, into, opts...)
		},
	})
	c.reconciler = NewReconciler(Dependencies{
		Client: cached, Live: live, Recorder: c.recorder, Clock: testclock.NewFakePassiveClock(start),
	})
	return c
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

func get[T client.Object](t *testing.T, c client.Client, key types.NamespacedName, into T) T {
	t.Helper()
	if err := c.Get(t.Context(), key, into); err != nil {
		t.Fatal(err)
	}
	return into
}

// child returns the TaskRun of a task.
func (c *cluster) child(t *testing.T, pr *v1.PipelineRun, task string) *v1.TaskRun {
	t.Helper()
	return get(t, c, types.NamespacedName{Namespace: pr.Namespace, Name: childName(pr, task)}, &v1.TaskRun{})
}

// end lets the TaskRun of a task end.
func (c *cluster) end(t *testing.T, pr *v1.PipelineRun, task string, condition metav1.Condition, results ...v1.TaskRunResult) {
	t.Helper()
	tr := c.child(t, pr, task)
	tr.Status.SetCondition(condition, metav1.NewTime(start))
	tr.Status.Results = results
	if err := c.Status().Update(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
}

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

func embedded(task string, spec v1.TaskSpec, params ...v1.Param) v1.PipelineTask {
	spec.Steps = []v1.Step{{Image: "busybox", Script: "true"}}
	return v1.PipelineTask{Name: task, TaskSpec: &v1.EmbeddedTask{TaskSpec: spec}, Params: params}
}

func param(name, value string) v1.Param { return v1.Param{Name: name, Value: v1.StringValue(value)} }

func run(tasks ...v1.PipelineTask) *v1.PipelineRun {
	return &v1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "run", UID: "pr-uid"},
		Spec:       v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: tasks}},
	}
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
		v1.PipelineTask{Name: "last", RunAfter: []string{"use"}, TaskSpec: embedded("", v1.TaskSpec{}).TaskSpec},
	)
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{
		{Name: "count", Value: v1.StringValue("$(tasks.use.results.count)")},
		{Name: "list", Value: v1.StringValue("$(tasks.make.results.list[*])")},
	}
	return pr
}

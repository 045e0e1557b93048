package runs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// patience is how long a test waits for an event that should follow immediately.
const patience = 20 * time.Second

func connected(t *testing.T, funcs interceptor.Funcs, objects ...client.Object) *cluster.Cluster {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	byName := func(o client.Object) []string { return []string{o.GetName()} }
	c := fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).WithStatusSubresource(&v1.TaskRun{}, &v1.PipelineRun{}).
		WithIndex(&v1.TaskRun{}, "metadata.name", byName).WithIndex(&v1.PipelineRun{}, "metadata.name", byName).
		WithInterceptorFuncs(funcs).Build()
	return &cluster.Cluster{Client: c, Namespace: "ci"}
}

func pipelineRun(name string, children ...string) *v1.PipelineRun {
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ci"}}
	for _, child := range children {
		pr.Status.ChildReferences = append(pr.Status.ChildReferences, v1.ChildReference{Name: child})
	}
	pr.Status.Conditions = []metav1.Condition{v1.Running(v1.PipelineRunReasonRunning, "")}
	return pr
}

func taskRun(name, pipeline string) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
		Name:      name,
		Namespace: "ci",
		Labels:    map[string]string{v1.LabelPipelineRun: pipeline, v1.LabelPipelineTask: name},
	}}
	tr.Status.Conditions = []metav1.Condition{v1.Running(v1.TaskRunReasonRunning, "")}
	return tr
}

// seen returns a snapshot as one line.
func seen(s Snapshot) string {
	text := string(s.Run.State())
	for _, tr := range s.Tasks {
		if s.Run.PipelineRun != nil {
			text += " " + tr.Name + "=" + string(StateOf(tr.Status.Condition()))
		}
	}
	return text
}

// watchUntil watches a run and returns the last snapshot. It calls do for each.
func watchUntil(t *testing.T, c *cluster.Cluster, r Run, do func(Snapshot)) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	last := ""
	err := Watch(ctx, c, r, func(s Snapshot) error {
		last = seen(s)
		do(s)
		return nil
	})
	return last, err
}

func end(t *testing.T, c *cluster.Cluster, o client.Object) {
	t.Helper()
	now := metav1.Now()
	switch o := o.(type) {
	case *v1.TaskRun:
		o.Status.SetCondition(v1.Succeeded(""), now)
	case *v1.PipelineRun:
		o.Status.SetCondition(v1.Succeeded(""), now)
	}
	if err := c.Client.Status().Update(t.Context(), o); err != nil {
		t.Error(err)
	}
}

// watching returns a client and a channel that gets a value for each watch that has begun. What changes between a list and a
// watch, the client never reports.
func watching(t *testing.T, objects ...client.Object) (*cluster.Cluster, <-chan struct{}) {
	begun := make(chan struct{}, 10)
	c := connected(t, interceptor.Funcs{Watch: func(ctx context.Context, c client.WithWatch, list client.ObjectList,
		options ...client.ListOption) (watch.Interface, error) {
		w, err := c.Watch(ctx, list, options...)
		begun <- struct{}{}
		return w, err
	}}, objects...)
	return c, begun
}

func TestWatchTaskRun(t *testing.T) {
	tr := taskRun("make", "")
	c, begun := watching(t, tr)
	go func() {
		<-begun
		end(t, c, tr)
	}()
	last, err := watchUntil(t, c, OfTask(tr.DeepCopy()), func(Snapshot) {})
	if err != nil || last != "succeeded" {
		t.Errorf("a run is watched to its end: %q, %v", last, err)
	}
}

func TestWatchPipelineRun(t *testing.T) {
	pr, a, b := pipelineRun("build", "a", "b"), taskRun("a", "build"), taskRun("b", "build")
	c, begun := watching(t, pr, a, b)
	go func() {
		<-begun
		<-begun
		end(t, c, pr) // first: the two watches are not synchronized
		end(t, c, a)
		end(t, c, b)
	}()
	last, err := watchUntil(t, c, OfPipeline(pr.DeepCopy()), func(Snapshot) {})
	if err != nil || last != "succeeded a=succeeded b=succeeded" {
		t.Errorf("a run has ended when all that belongs to it has: %q, %v", last, err)
	}
}

// The status of an ended PipelineRun keeps the names of deleted TaskRuns. A watch must not wait for them.
func TestWatchDoesNotWaitForDeletedTaskRuns(t *testing.T) {
	pr, a := pipelineRun("build", "a", "gone"), taskRun("a", "build")
	a.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
	pr.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
	last, err := watchUntil(t, connected(t, interceptor.Funcs{}, pr, a), OfPipeline(pr), func(Snapshot) {})
	if err != nil || last != "succeeded a=succeeded" {
		t.Errorf("what is there is all there is: %q, %v", last, err)
	}
}

func TestWatchOfADeletedRun(t *testing.T) {
	deleting := interceptor.Funcs{Watch: func(ctx context.Context, c client.WithWatch, list client.ObjectList,
		options ...client.ListOption) (watch.Interface, error) {
		w, err := c.Watch(ctx, list, options...)
		return w, errors.Join(err, c.Delete(ctx, taskRun("make", "")))
	}}
	for name, tc := range map[string]struct {
		reason string
		c      *cluster.Cluster
	}{
		"Meanwhile": {
			reason: "What is deleted is told.",
			c:      connected(t, deleting, taskRun("make", "")),
		},
		"Before": {
			reason: "So is what went before the watch began, or while the server was away: nothing would ever tell of it.",
			c:      connected(t, interceptor.Funcs{}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := watchUntil(t, tc.c, OfTask(taskRun("make", "")), func(Snapshot) {}); err == nil ||
				!strings.Contains(err.Error(), "was deleted while it was watched") {
				t.Errorf("%s got %v", tc.reason, err)
			}
		})
	}
}

func TestWatchWaitsForAServerThatIsAway(t *testing.T) {
	tr := taskRun("make", "")
	tr.Status.Conditions = []metav1.Condition{v1.Running(v1.TaskRunReasonRunning, "")}
	failures := 1
	away := interceptor.Funcs{List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
		if failures > 0 {
			failures--
			return apierrors.NewServiceUnavailable("away")
		}
		ended := taskRun("make", "")
		ended.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
		list.(*v1.TaskRunList).Items = []v1.TaskRun{*ended}
		return nil
	}}
	last, err := watchUntil(t, connected(t, away, tr), OfTask(tr), func(Snapshot) {})
	if err != nil || last != "succeeded" {
		t.Errorf("it is asked again: %q, %v", last, err)
	}
}

func TestWatchSaysWhatWillNotPass(t *testing.T) {
	tr := taskRun("make", "")
	refused := interceptor.Funcs{List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
		return apierrors.NewForbidden(schema.GroupResource{Resource: "taskruns"}, "make", nil)
	}}
	if _, err := watchUntil(t, connected(t, refused, tr), OfTask(tr), func(Snapshot) {}); !apierrors.IsForbidden(err) {
		t.Errorf("who may not watch is told so at once: %v", err)
	}
}

func TestFind(t *testing.T) {
	other := taskRun("make", "")
	other.Namespace = "other"
	c := connected(t, interceptor.Funcs{}, taskRun("make", ""), pipelineRun("make"), taskRun("test", ""), other)
	for name, tc := range map[string]struct {
		reason string
		typed  string
		all    bool
		want   string
		bad    string
	}{
		"Kind": {
			reason: "A kind and a name are one run.",
			typed:  "tr/make",
			want:   "taskrun/make",
		},
		"Name": {
			reason: "A name that one run has is enough.",
			typed:  "test",
			want:   "taskrun/test",
		},
		"Both": {
			reason: "One that two have is not.",
			typed:  "make",
			bad:    `2 runs of different kinds have the name "make"`,
		},
		"Nobody": {
			reason: "One that nobody has is told with where was looked.",
			typed:  "maker",
			bad:    `there is no run "maker" in namespace "ci"`,
		},
		"Nobody's kind": {
			reason: "Likewise of a kind.",
			typed:  "pr/test",
			bad:    `there is no PipelineRun "test" in namespace "ci"`,
		},
		"All": {
			reason: "In all namespaces a name may stand for two.",
			typed:  "tr/make",
			all:    true,
			bad:    `2 runs of different namespaces have the name "make"`,
		},
		"One of all": {
			reason: "Or for one.",
			typed:  "test",
			all:    true,
			want:   "taskrun/test",
		},
	} {
		t.Run(name, func(t *testing.T) {
			there := *c
			there.AllNamespaces = tc.all
			r, err := Find(t.Context(), &there, tc.typed)
			if tc.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tc.bad) {
					t.Errorf("%s got %v, want %q", tc.reason, err, tc.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, r.FullName().String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestTaskRunsDeletedBetweenWatches: a TaskRun that is not in a new list is not shown, and the watch does not wait for it.
func TestTaskRunsDeletedBetweenWatches(t *testing.T) {
	r := OfPipeline(pipelineRun("p"))
	tasks := map[string]*v1.TaskRun{"gone": {}, "kept": {}}
	for _, seen := range []change{
		{present: namesOf([]runtime.Object{&v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}})},
		{object: &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "new"}}},
	} {
		if _, err := apply(r, tasks, seen); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"kept", "new"}, slices.Sorted(maps.Keys(tasks))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := apply(r, tasks, change{present: namesOf(nil)}); err != nil || len(tasks) != 0 {
		t.Errorf("an empty list leaves %v, %v", tasks, err)
	}
}

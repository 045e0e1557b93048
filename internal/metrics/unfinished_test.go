package metrics

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
)

// taskRun returns a TaskRun that was created at the start of the minute, with a condition unless c is nil.
func taskRun(name string, c *metav1.Condition, change ...func(*v1.TaskRun)) client.Object {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ci", CreationTimestamp: *at(0)}}
	if c != nil {
		tr.Status.StartTime = at(0)
		tr.Status.SetCondition(*c, *at(0))
	}
	for _, f := range change {
		f(tr)
	}
	return tr
}

func pipelineRun(name string, c *metav1.Condition, change ...func(*v1.PipelineRun)) client.Object {
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ci", CreationTimestamp: *at(0)}}
	if c != nil {
		pr.Status.StartTime = at(0)
		pr.Status.SetCondition(*c, *at(0))
	}
	for _, f := range change {
		f(pr)
	}
	return pr
}

func unfinishedRuns(t *testing.T, leads bool, objects ...client.Object) *Unfinished {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	elected := make(chan struct{})
	if leads {
		close(elected)
	}
	return &Unfinished{
		Runs:  fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build(),
		Leads: elected, Timeout: func() time.Duration { return time.Hour },
		Settings: defaults,
		Clock:    testingclock.NewFakePassiveClock(at(0).Add(61*time.Minute + time.Second)),
	}
}

func TestUnfinished(t *testing.T) {
	quota, running := new(v1.Running(v1.TaskRunReasonExceededResourceQuota, "")), new(v1.Running(v1.TaskRunReasonRunning, ""))
	none := func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{} }
	long := func(tr *v1.TaskRun) { tr.Spec.Timeout = &metav1.Duration{Duration: 2 * time.Hour} }
	s := unfinishedRuns(t, true,
		taskRun("ended", new(v1.Succeeded(""))),
		taskRun("elsewhere", nil, func(tr *v1.TaskRun) { tr.Spec.ManagedBy = new("example.com/other") }),
		taskRun("unseen", nil, func(tr *v1.TaskRun) { tr.CreationTimestamp = metav1.NewTime(at(0).Add(time.Hour)) }),
		taskRun("older", nil, func(tr *v1.TaskRun) { tr.CreationTimestamp = metav1.NewTime(at(0).Add(59 * time.Minute)) }),
		taskRun("overdue", running), taskRun("endless", running, none), taskRun("long", running, long),
		taskRun("quota", quota, long),
		taskRun("node", new(v1.Running(v1.TaskRunReasonExceededNodeResources, "")), long),
		taskRun("foreign", new(v1.Running("run-4711", "")), long),
		pipelineRun("held", new(v1.Running(v1.PipelineRunReasonPending, ""))),
		pipelineRun("late", new(v1.Running(v1.PipelineRunReasonRunning, "")), func(pr *v1.PipelineRun) {
			pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Minute}}
		}),
		pipelineRun("done", new(v1.Failed(v1.PipelineRunReasonFailed, ""))),
	)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	want := map[string]float64{
		runningTaskRuns: 8, runningPipelineRuns: 1, throttledByQuota: 1, throttledByNode: 1,
		runs + " taskrun Unseen": 2, runs + " taskrun Running": 3, runs + " taskrun ExceededResourceQuota": 1,
		runs + " taskrun ExceededNodeResources": 1, runs + " taskrun other": 1,
		runs + " pipelinerun PipelineRunPending": 1, runs + " pipelinerun Running": 1,
		unseenAge + " taskrun": 121, overdueRuns + " taskrun": 1, overdueRuns + " pipelinerun": 2,
	}
	if diff := cmp.Diff(want, read(t, registry)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestStandbyReportsNothing: only the leader reports the runs, so that a sum over both replicas is right.
func TestStandbyReportsNothing(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(unfinishedRuns(t, false, taskRun("unseen", nil)))
	if got := read(t, registry); len(got) != 0 {
		t.Errorf("want nothing, got %v", got)
	}
}

// TestHostileReference: the reference of a run that was not checked yet has any text, and a scrape is whole nevertheless.
func TestHostileReference(t *testing.T) {
	var objects []client.Object
	for i, name := range []string{"a\x00b", strings.Repeat("x", 1<<20), "build"} {
		objects = append(objects, pipelineRun(fmt.Sprint("run-", i), nil, func(pr *v1.PipelineRun) {
			pr.Spec.PipelineRef = &v1.PipelineRef{Name: name}
		}))
	}
	s := unfinishedRuns(t, true, objects...)
	settings, problems := config.ParseObservability(map[string]string{"metrics.running-pipelinerun.level": "pipeline"})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s.Settings = func() config.Observability { return settings }
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	got := labelsIn(scraped(t, registry)[runningPipelineRuns])
	slices.Sort(got)
	if diff := cmp.Diff([]string{"gauge namespace=ci pipeline=build", "gauge namespace=ci pipeline=other"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestUnfinishedByName: runs that have not ended have the labels of the settings, and too many names are counted together.
func TestUnfinishedByName(t *testing.T) {
	running := new(v1.Running(v1.PipelineRunReasonRunning, ""))
	of := func(namespace, pipeline string) func(*v1.PipelineRun) {
		return func(pr *v1.PipelineRun) {
			pr.Namespace, pr.Spec.PipelineRef = namespace, &v1.PipelineRef{Name: pipeline}
		}
	}
	objects := []client.Object{
		pipelineRun("a", running, of("modest", "release")), pipelineRun("b", running, of("modest", "release")),
		taskRun("quota", new(v1.Running(v1.TaskRunReasonExceededResourceQuota, ""))),
		taskRun("resolving", new(v1.Running(v1.TaskRunReasonResolvingTaskRef, ""))),
		taskRun("step", new(v1.Running(v1.TaskRunReasonResolvingStepActionRef, ""))),
		pipelineRun("resolving", new(v1.Running(v1.PipelineRunReasonResolvingPipelineRef, "")), of("modest", "release")),
		pipelineRun("task", new(v1.Running(v1.PipelineRunReasonResolvingTaskRef, "")), of("modest", "release")),
	}
	for i := range mostSetsOfNamespace + 7 {
		objects = append(objects, pipelineRun(fmt.Sprintf("r-%03d", i), running, of("greedy", fmt.Sprintf("p-%03d", i))))
	}
	s := unfinishedRuns(t, true, objects...)
	settings, problems := config.ParseObservability(map[string]string{
		"metrics.running-pipelinerun.level": "pipeline", "metrics.taskrun.throttle.enable-namespace": "true",
	})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s.Settings = func() config.Observability { return settings }
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s)
	got := read(t, registry)
	for series, want := range map[string]float64{
		runningPipelineRuns + " modest release": 4, runningPipelineRuns + " greedy p-000": 1, runningPipelineRuns + " greedy other": 7,
		runningTaskRuns: 3, throttledByQuota + " ci": 1, throttledByNode: 0,
		taskRunsResolving: 2, pipelinesResolving: 1, tasksResolving: 1,
	} {
		if got[series] != want {
			t.Errorf("%s: want %v, got %v", series, want, got[series])
		}
	}
}

package metrics

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/version"
)

// read returns every series that is not 0, by its name and the values of its labels; for a histogram, the number of observations.
func read(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			name := family.GetName()
			for _, l := range metric.GetLabel() {
				name += " " + l.GetValue()
			}
			if v := value(metric); v != 0 {
				all[strings.TrimSpace(name)] = v
			}
		}
	}
	return all
}

// families returns the names of the metrics in a registry.
func families(t *testing.T, registry *prometheus.Registry) map[string]struct{} {
	t.Helper()
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]struct{}{}
	for _, family := range gathered {
		all[family.GetName()] = struct{}{}
	}
	return all
}

func value(m *dto.Metric) float64 {
	switch {
	case m.GetCounter() != nil:
		return m.GetCounter().GetValue()
	case m.GetGauge() != nil:
		return m.GetGauge().GetValue()
	default:
		return float64(m.GetHistogram().GetSampleCount())
	}
}

// defaults are the settings without a ConfigMap.
func defaults() config.Observability { return config.Default().Metrics }

// newSet returns a Set in a registry that checks the metrics for consistency.
func newSet(t *testing.T, more ...prometheus.Collector) (*Set, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	set := New(version.Info{Number: "v1", Revision: "abc", Go: "go1.26"}, defaults, logr.Discard())
	if err := set.Register(registry, more...); err != nil {
		t.Fatal(err)
	}
	return set, registry
}

func at(seconds int) *metav1.Time {
	return new(metav1.NewTime(time.Date(2026, 1, 2, 3, 4, seconds, 0, time.UTC)))
}

// status returns the status of a TaskRun, with a condition unless c is nil.
func status(c *metav1.Condition, change ...func(*v1.TaskRunStatus)) *v1.TaskRunStatus {
	s := &v1.TaskRunStatus{StartTime: at(0)}
	if c != nil {
		s.SetCondition(*c, *at(0))
	}
	for _, f := range change {
		f(s)
	}
	return s
}

func TestRuns(t *testing.T) {
	running, succeeded := new(v1.Running(v1.TaskRunReasonRunning, "")), new(v1.Succeeded(""))
	ended := func(s *v1.TaskRunStatus) { s.CompletionTime = at(3) }
	attempts := func(reasons ...string) func(*v1.TaskRunStatus) {
		return func(s *v1.TaskRunStatus) {
			for _, reason := range reasons {
				s.RetriesStatus = append(s.RetriesStatus, v1.TaskRunAttempt{Conditions: []metav1.Condition{v1.Failed(reason, "")}})
			}
		}
	}
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "build-1", Namespace: "ci"}}
	tr.Spec.TaskRef = &v1.TaskRef{Name: "build"}
	const total, duration = taskRunTotal, taskRunDuration + " ci"
	cases := map[string]struct {
		reason        string
		before, after *v1.TaskRunStatus
		want          map[string]float64
	}{
		"GoesOn": {
			reason: "a run that goes on is none that has ended",
			before: status(nil),
			after:  status(running),
		},
		"Succeeded": {
			reason: "its end is counted",
			before: status(running),
			after:  status(succeeded, ended),
			want:   map[string]float64{total + " Succeeded success": 1, duration + " success build": 1},
		},
		"Failed": {
			reason: "a reason is a label",
			before: status(running),
			after:  status(new(v1.Failed(v1.TaskRunReasonResultsUnavailable, "")), ended),
			want:   map[string]float64{total + " TaskRunResultsUnavailable failed": 1, duration + " failed build": 1},
		},
		"Cancelled": {
			reason: "as the field's dashboards have it",
			before: status(running),
			after:  status(new(v1.Failed(v1.TaskRunReasonCancelled, "")), ended),
			want:   map[string]float64{total + " TaskRunCancelled cancelled": 1, duration + " cancelled build": 1},
		},
		"Unknown": {
			reason: "a reason that anybody may make up is no label",
			before: status(running),
			after:  status(new(v1.Failed("run-4711", "")), ended),
			want:   map[string]float64{total + " other failed": 1, duration + " failed build": 1},
		},
		"NeverBegan": {
			reason: "without its times it has no duration",
			before: status(nil),
			after:  status(new(v1.Failed(v1.TaskRunReasonValidationFailed, ""))),
			want:   map[string]float64{total + " TaskRunValidationFailed failed": 1},
		},
		"Again": {
			reason: "who finds it ended has not ended it",
			before: status(succeeded, ended),
			after:  status(succeeded, ended),
		},
		"Attempt": {
			reason: "an attempt that is followed by another is no end of the run",
			before: status(running, attempts("StepOOM")),
			after:  status(running, attempts("StepOOM", "PodEvicted")),
			want:   map[string]float64{attemptsFailed + " PodEvicted": 1},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set, registry := newSet(t)
			set.TaskRuns.TaskRun(tr, tc.before, tc.after)
			if tc.want == nil {
				tc.want = map[string]float64{}
			}
			tc.want[buildInfo+" go1.26 abc v1"] = 1
			if diff := cmp.Diff(tc.want, read(t, registry)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestPipelineRuns(t *testing.T) {
	set, registry := newSet(t)
	before, after := &v1.PipelineRunStatus{StartTime: at(0)}, &v1.PipelineRunStatus{StartTime: at(0), CompletionTime: at(2)}
	after.SetCondition(v1.Completed(""), *at(2))
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "release-1", Namespace: "ci"}}
	pr.Spec.PipelineRef = &v1.PipelineRef{Name: "release"}
	set.PipelineRuns.PipelineRun(pr, before, after)
	set.PipelineRuns.PipelineRun(pr, after, after)
	set.PipelineRuns.PodCreated()
	want := map[string]float64{
		pipelineRunTotal + " Completed success": 1, pipelineRunDuration + " ci release success": 1, buildInfo + " go1.26 abc v1": 1,
	}
	if diff := cmp.Diff(want, read(t, registry)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWrites(t *testing.T) {
	kind := schema.GroupResource{Resource: "taskruns"}
	set, registry := newSet(t)
	for _, err := range []error{
		nil, apierrors.NewConflict(kind, "r", errors.New("changed")), apierrors.NewNotFound(kind, "r"),
		apierrors.NewRequestEntityTooLargeError("large"), apierrors.NewForbidden(kind, "r", errors.New("no")), errors.New("no connection"),
	} {
		set.TaskRuns.Wrote(err)
	}
	set.PipelineRuns.Wrote(nil)
	set.PipelineRuns.Oversize(FoundBefore)
	set.TaskRuns.Oversize(FoundByServer)
	set.TaskRuns.PodCreated()
	want := map[string]float64{buildInfo + " go1.26 abc v1": 1, podsCreated: 1, statusWrites + " pipelinerun written": 1,
		objectsTooLarge + " before pipelinerun": 1, objectsTooLarge + " refused taskrun": 1}
	for _, outcome := range []string{"written", "conflict", "gone", "too-large", "refused", "failed"} {
		want[statusWrites+" taskrun "+outcome] = 1
	}
	if diff := cmp.Diff(want, read(t, registry)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestNobodyCounts: a reconciler works without metrics.
func TestNobodyCounts(*testing.T) {
	var none *Runs
	none.Wrote(nil)
	none.Oversize(FoundBefore)
	none.PodCreated()
	none.TaskRun(&v1.TaskRun{}, status(nil), status(new(v1.Succeeded(""))))
	none.PodStarted(&v1.TaskRun{}, status(nil), &corev1.Pod{})
	none.PipelineRun(&v1.PipelineRun{}, &v1.PipelineRunStatus{}, &v1.PipelineRunStatus{})
}

func TestCollection(t *testing.T) {
	set, registry := newSet(t)
	set.Collection.Read(collect.ReadReport{Bytes: 10, Following: true, Cause: "broken"})
	set.Collection.Read(collect.ReadReport{Bytes: 20})
	set.Collection.Ended(collect.EndReport{ValueBytes: 15, Took: time.Second})
	set.Collection.Ended(collect.EndReport{Interrupted: true, Following: true, Took: -time.Second})
	set.Collection.Ended(collect.EndReport{Cause: "incomplete"})
	want := map[string]float64{
		buildInfo + " go1.26 abc v1": 1, logBytes: 30, valueBytes: 15, logReadFailures + " broken running": 1,
		collections + "  whole": 1, collections + "  interrupted": 1, collections + " incomplete unavailable": 1,
		collectSeconds + " ended": 1, collectSeconds + " running": 1,
	}
	if diff := cmp.Diff(want, read(t, registry)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestExports: the outcomes of messages are counted.
func TestExports(t *testing.T) {
	set, registry := newSet(t)
	for _, sent := range []bool{true, false, true} {
		set.Exports.Exported(sent)
	}
	want := map[string]float64{buildInfo + " go1.26 abc v1": 1, exports + " sent": 2, exports + " failed": 1}
	if diff := cmp.Diff(want, read(t, registry)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	load := NewLoad(func() collect.Load {
		return collect.Load{
			Collecting: 1, Followers: 2, FollowersLimit: 3, Readers: 4, ReadersLimit: 5, WaitingToFollow: 6, WaitingToRead: 7,
			WaitingForRoom: 8, Reserved: 9, ReservedLimit: 10,
		}
	})
	_, registry := newSet(t, load)
	want := map[string]float64{
		buildInfo + " go1.26 abc v1": 1, collecting: 1, followers: 2, followersLimit: 3, readers: 4, readersLimit: 5,
		waitingForTurn + " follower": 6, waitingForTurn + " reader": 7, waitingForTurn + " memory": 8,
		collectingBytes: 9, collectingLimit: 10,
	}
	if diff := cmp.Diff(want, read(t, registry)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestCatalog: the catalog has exactly the metrics that the controller serves.
func TestCatalog(t *testing.T) {
	set := New(version.Info{}, defaults, logr.Discard())
	described := make(chan *prometheus.Desc, 1000)
	got := map[string]struct{}{}
	for _, c := range append(set.collectors, NewLoad(func() collect.Load { return collect.Load{} }), NewMemory(budget.New(1)),
		&Missed{}, NewMarked(), &Stored{}, NewEventQueue(func() (int, int) { return 0, 1 })) {
		c.Describe(described)
		if n, ok := c.(*named); ok {
			got[n.name] = struct{}{}
		}
	}
	close(described)
	running := prometheus.NewRegistry()
	running.MustRegister(unfinishedRuns(t, true))
	for name := range families(t, running) {
		got[name] = struct{}{}
	}
	for d := range described {
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		got[name] = struct{}{}
	}
	want := map[string]struct{}{}
	for _, m := range Catalog() {
		want[m.Name] = struct{}{}
		if m.Help == "" || !strings.HasSuffix(m.Help, ".") || (m.Type == Counter) != strings.HasSuffix(m.Name, "_total") {
			t.Errorf("%s needs a sentence, and a counter's name ends in _total: %+v", m.Name, m)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-catalog +collectors:\n%s", diff)
	}
}

// TestRegisterTwice: a duplicate name is an error, not a panic.
func TestRegisterTwice(t *testing.T) {
	set, registry := newSet(t)
	if err := set.Register(registry); err == nil {
		t.Error("want an error")
	}
}

// TestReasonsAreKnown: every reason of a condition is a value of the label; the test lists the constants that are not reasons.
func TestReasonsAreKnown(t *testing.T) {
	const file = "../../api/v1/reasons.go"
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if !strings.HasPrefix(name.Name, "TaskRunReason") && !strings.HasPrefix(name.Name, "PipelineRunReason") {
				continue
			}
			reason, err := strconv.Unquote(spec.Values[i].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			n++
			if !known(reason) {
				t.Errorf("%s: %s is no label: add it to known", file, name.Name)
			}
		}
		return true
	})
	if n < 40 {
		t.Errorf("%s has %d reasons only: the test looks for the wrong names", file, n)
	}
	if known("other") || known("") {
		t.Error("what is no reason is no label")
	}
}

// TestMemory: the gauges report what is reserved, and the limit.
func TestMemory(t *testing.T) {
	b := budget.New(100)
	b.Lease().Grow(30)
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewMemory(b))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	if diff := cmp.Diff(map[string]float64{memoryHeld: 30, memoryLimit: 100}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

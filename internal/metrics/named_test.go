package metrics

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/version"
)

// scraped returns the series of a registry as Prometheus parses them from the text of a scrape, with names and values of labels.
func scraped(t *testing.T, registry *prometheus.Registry) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			t.Fatal(err)
		}
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(&text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// labelsIn returns the labels of the series of a metric, and its type.
func labelsIn(family *dto.MetricFamily) []string {
	var all []string
	for _, m := range family.GetMetric() {
		text := strings.ToLower(family.GetType().String())
		for _, l := range m.GetLabel() {
			text += " " + l.GetName() + "=" + l.GetValue()
		}
		all = append(all, text)
	}
	return all
}

// setWith returns a Set with these settings, and its registry.
func setWith(t *testing.T, data map[string]string, log logr.Logger) (*Set, *prometheus.Registry) {
	t.Helper()
	settings, problems := config.ParseObservability(data)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	registry := prometheus.NewPedanticRegistry()
	set := New(version.Info{}, func() config.Observability { return settings }, log)
	if err := set.Register(registry); err != nil {
		t.Fatal(err)
	}
	return set, registry
}

// alone returns a TaskRun of a Task.
func alone(namespace, task, name string) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	tr.Spec.TaskRef = &v1.TaskRef{Name: task}
	return tr
}

// child returns a TaskRun of a PipelineRun.
func child() *v1.TaskRun {
	tr := alone("ci", "build", "release-1-build")
	tr.Labels = map[string]string{v1.LabelPipeline: "release", v1.LabelPipelineRun: "release-1", v1.LabelPipelineTask: "compile"}
	return tr
}

// end records the end of a TaskRun.
func end(set *Set, tr *v1.TaskRun) {
	set.TaskRuns.TaskRun(tr, status(nil), status(new(v1.Succeeded("")), func(s *v1.TaskRunStatus) { s.CompletionTime = at(3) }))
}

// TestLevels: the settings decide which names are labels, and whether durations are histograms.
func TestLevels(t *testing.T) {
	cases := map[string]struct {
		reason string
		data   map[string]string
		want   map[string][]string
	}{
		"Default": {
			reason: "the levels of Tekton: the definition, and not the run",
			want: map[string][]string{
				taskRunDuration:     {"histogram namespace=ci status=success task=build"},
				childDuration:       {"histogram namespace=ci pipeline=release status=success task=build"},
				pipelineRunDuration: {"histogram namespace=ci pipeline=release status=success"},
				podLatency:          {"gauge namespace=ci task=build"},
			},
		},
		"Cluster": {
			reason: "no names at all",
			data:   map[string]string{"metrics.taskrun.level": "cluster", "metrics.pipelinerun.level": "cluster"},
			want: map[string][]string{
				taskRunDuration:     {"histogram status=success"},
				childDuration:       {"histogram status=success"},
				pipelineRunDuration: {"histogram status=success"},
				podLatency:          {"gauge"},
			},
		},
		"Namespace": {
			reason: "the namespace alone",
			data:   map[string]string{"metrics.taskrun.level": "namespace", "metrics.pipelinerun.level": "namespace"},
			want: map[string][]string{
				taskRunDuration:     {"histogram namespace=ci status=success"},
				childDuration:       {"histogram namespace=ci status=success"},
				pipelineRunDuration: {"histogram namespace=ci status=success"},
				podLatency:          {"gauge namespace=ci"},
			},
		},
		"Run": {
			reason: "a histogram of one run has no use, so these are gauges",
			data:   map[string]string{"metrics.taskrun.level": "taskrun", "metrics.pipelinerun.level": "pipelinerun"},
			want: map[string][]string{
				taskRunDuration:     {"gauge namespace=ci status=success task=build taskrun=build-1"},
				childDuration:       {"gauge namespace=ci pipeline=release pipelinerun=release-1 status=success task=build taskrun=release-1-build"},
				pipelineRunDuration: {"gauge namespace=ci pipeline=release pipelinerun=release-1 status=success"},
				podLatency:          {"gauge namespace=ci pod=build-1-pod task=build taskrun=build-1"},
			},
		},
		"LastValue": {
			reason: "gauges, with the reason",
			data: map[string]string{
				"metrics.taskrun.duration-type": "lastvalue", "metrics.pipelinerun.duration-type": "lastvalue", "metrics.count.enable-reason": "true",
			},
			want: map[string][]string{
				taskRunDuration:     {"gauge namespace=ci reason=Succeeded status=success task=build"},
				childDuration:       {"gauge namespace=ci pipeline=release reason=Succeeded status=success task=build"},
				pipelineRunDuration: {"gauge namespace=ci pipeline=release reason=Completed status=success"},
				podLatency:          {"gauge namespace=ci task=build"},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set, registry := setWith(t, tc.data, logr.Discard())
			end(set, alone("ci", "build", "build-1"))
			end(set, child())
			set.TaskRuns.PodStarted(alone("ci", "build", "build-1"), status(nil, started), podOf("build-1-pod", 2*time.Second))
			pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "release-1", Namespace: "ci"}}
			pr.Spec.PipelineRef = &v1.PipelineRef{Name: "release"}
			after := &v1.PipelineRunStatus{StartTime: at(0), CompletionTime: at(2)}
			after.SetCondition(v1.Completed(""), *at(2))
			set.PipelineRuns.PipelineRun(pr, &v1.PipelineRunStatus{}, after)
			families, got := scraped(t, registry), map[string][]string{}
			for metric := range tc.want {
				got[metric] = labelsIn(families[metric])
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// started makes the first step run.
func started(s *v1.TaskRunStatus) {
	s.Steps = []v1.StepState{{ContainerState: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
}

// podOf returns a pod for which a node was chosen after a time.
func podOf(name string, after time.Duration) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: *at(0)},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at(0).Add(after))},
		}},
	}
}

// TestPodLatency: the wait of a pod for its node counts once, when the first of its steps has begun.
func TestPodLatency(t *testing.T) {
	waiting := podOf("p", time.Second)
	waiting.Status.Conditions[0].Status = corev1.ConditionFalse
	cases := map[string]struct {
		reason        string
		before, after *v1.TaskRunStatus
		pod           *corev1.Pod
		want          float64
	}{
		"Begun": {
			reason: "in milliseconds",
			before: status(nil),
			after:  status(nil, started),
			pod:    podOf("p", 2*time.Second),
			want:   2000,
		},
		"Waits": {
			reason: "no step has begun",
			before: status(nil),
			after:  status(nil),
			pod:    podOf("p", 2*time.Second),
		},
		"Counted": {
			reason: "it was counted with an earlier status",
			before: status(nil, started),
			after:  status(nil, started),
			pod:    podOf("p", 2*time.Second),
		},
		"NoNode": {
			reason: "the kubelet's condition is missing",
			before: status(nil),
			after:  status(nil, started),
			pod:    waiting,
		},
		"NoPod": {
			reason: "the pod is gone",
			before: status(nil),
			after:  status(nil, started),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set, registry := newSet(t)
			tr := alone("ci", "build", "build-1")
			tr.Status = *tc.before
			set.TaskRuns.PodStarted(tr, tc.after, tc.pod)
			if got := read(t, registry)[podLatency+" ci build"]; got != tc.want {
				t.Errorf("%s: want %v, got %v", tc.reason, tc.want, got)
			}
		})
	}
}

// TestNames: a definition without a name has the one that Tekton gives it.
func TestNames(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(*v1.TaskRun)
		want   []string
	}{
		"Reference": {
			reason: "the name of the Task",
			change: func(*v1.TaskRun) {},
			want:   []string{"build", "release", "release-1"},
		},
		"EmbeddedTask": {
			reason: "a task of a pipeline has its name there",
			change: func(tr *v1.TaskRun) { tr.Spec.TaskRef, tr.Spec.TaskSpec = nil, &v1.TaskSpec{} },
			want:   []string{"compile", "release", "release-1"},
		},
		"EmbeddedTaskAlone": {
			reason: "no name: that of the run is different for each",
			change: func(tr *v1.TaskRun) { tr.Spec.TaskRef, tr.Spec.TaskSpec, tr.Labels = nil, &v1.TaskSpec{}, nil },
			want:   []string{"anonymous", "anonymous", ""},
		},
		"EmbeddedPipeline": {
			reason: "its label is the name of the run",
			change: func(tr *v1.TaskRun) { tr.Labels[v1.LabelPipeline] = "release-1" },
			want:   []string{"build", "anonymous", "release-1"},
		},
		"Resolver": {
			reason: "the label has the name of the Task that was found",
			change: func(tr *v1.TaskRun) { tr.Spec.TaskRef.Name, tr.Labels[v1.LabelTask] = "", "found" },
			want:   []string{"found", "release", "release-1"},
		},
		"TooLong": {
			reason: "a name that no object can have would be in each scrape, and in memory until the end of the process",
			change: func(tr *v1.TaskRun) { tr.Spec.TaskRef.Name = strings.Repeat("x", 1<<20) },
			want:   []string{"other", "release", "release-1"},
		},
		"Longest": {
			reason: "the longest name of an object is shown",
			change: func(tr *v1.TaskRun) { tr.Spec.TaskRef.Name = strings.Repeat("x", 253) },
			want:   []string{strings.Repeat("x", 253), "release", "release-1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := child()
			tc.change(tr)
			pipeline, run := parentOf(tr)
			if diff := cmp.Diff(tc.want, []string{taskOf(tr), pipeline, run}); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestNamesOfATenantAreBounded: a namespace with very many names gets few series, and takes no room from the others.
func TestNamesOfATenantAreBounded(t *testing.T) {
	var lines []string
	log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	set, registry := setWith(t, nil, log)
	const runs = 3 * mostSets
	for i := range runs {
		end(set, alone("greedy", fmt.Sprintf("task-%d", i), "r"))
	}
	end(set, alone("modest", "build", "r"))
	families := scraped(t, registry)
	labels := labelsIn(families[taskRunDuration])
	if len(labels) != mostSetsOfNamespace+2 {
		t.Errorf("want %d sets of the namespace, one for its others, and one of the other namespace, got %d", mostSetsOfNamespace, len(labels))
	}
	for _, want := range []string{"namespace=greedy status=success task=other", "namespace=modest status=success task=build"} {
		if !strings.Contains(strings.Join(labels, "\n"), want) {
			t.Errorf("want a series with %s", want)
		}
	}
	if got := read(t, registry)[merged+" "+taskRunDuration]; got != runs-mostSetsOfNamespace {
		t.Errorf("want %d observations with the name other, got %v", runs-mostSetsOfNamespace, got)
	}
	if len(lines) != 1 || !strings.Contains(lines[0], taskRunDuration) {
		t.Errorf("want one line in the log that names the metric, got %q", lines)
	}
}

// TestNewestRunsAreKept: with names of runs as labels, the newest runs have series.
func TestNewestRunsAreKept(t *testing.T) {
	set, registry := setWith(t, map[string]string{"metrics.taskrun.level": "taskrun"}, logr.Discard())
	for i := range mostSets + 5 {
		end(set, alone("ci", "build", fmt.Sprintf("run-%d", i)))
	}
	labels := strings.Join(labelsIn(scraped(t, registry)[taskRunDuration]), "\n") + "\n"
	if n := strings.Count(labels, "\n"); n != mostSets {
		t.Errorf("want %d series, got %d", mostSets, n)
	}
	for name, want := range map[string]bool{"run-4": false, "run-5": true, fmt.Sprintf("run-%d", mostSets+4): true} {
		if got := strings.Contains(labels, "taskrun="+name+"\n"); got != want {
			t.Errorf("%s has a series: want %t, got %t", name, want, got)
		}
	}
}

// TestLevelChanges: another level takes effect without a restart, and the series of the earlier one end.
func TestLevelChanges(t *testing.T) {
	settings := config.Default().Metrics
	registry := prometheus.NewPedanticRegistry()
	set := New(version.Info{}, func() config.Observability { return settings }, logr.Discard())
	if err := set.Register(registry); err != nil {
		t.Fatal(err)
	}
	end(set, alone("ci", "build", "r"))
	settings.TaskRunLevel, settings.TaskRunDuration = config.LevelNamespace, config.LastValue
	if got := labelsIn(scraped(t, registry)[taskRunDuration]); len(got) > 0 {
		t.Errorf("want no series of the earlier level, got %q", got)
	}
	end(set, alone("ci", "build", "r"))
	if diff := cmp.Diff([]string{"gauge namespace=ci status=success"}, labelsIn(scraped(t, registry)[taskRunDuration])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestBound: for any observations, the number of label sets stays bounded, names of no namespace take the room of another's, and a
// set that was used is used again.
func TestBound(t *testing.T) {
	labels := []string{labelNamespace, labelTask, labelStatus}
	rapid.Check(t, func(t *rapid.T) {
		b, used, sets := newBound(labels, false), map[string]string{}, map[string]struct{}{}
		for range rapid.IntRange(1, 30).Draw(t, "bursts") {
			namespace := fmt.Sprintf("ns-%d", rapid.IntRange(0, 40).Draw(t, "namespace"))
			first := rapid.IntRange(0, 300).Draw(t, "first")
			for i := range rapid.IntRange(1, 150).Draw(t, "names") {
				values := []string{namespace, fmt.Sprintf("t-%d", first+i), rapid.SampledFrom([]string{"success", "failed"}).Draw(t, "status")}
				key, got := keyOf(values), keyOf(b.fit(values).values)
				if before, ok := used[key]; ok && before == key && got != key {
					t.Fatalf("%q was used before, and is now %q", key, got)
				}
				used[key], sets[got] = got, struct{}{}
			}
		}
		if most := mostSets + 2; len(sets) > most {
			t.Fatalf("want at most %d sets, got %d", most, len(sets))
		}
	})
}

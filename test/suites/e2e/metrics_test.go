//go:build e2e

package e2e

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// tektonMetrics begins the names of the metrics that dashboards for Tekton read.
const tektonMetrics = "tekton_pipelines_controller_"

// TestScrapeOfTheService: with both transports, runs are counted under the names that Tekton has, at the port of Tekton's Service.
func TestScrapeOfTheService(t *testing.T) { bothWays(t, named{"Runs": scrapedRuns}) }

func scrapedRuns(t *testing.T, n *suite.Namespace) {
	page := forwardMetrics(t, n)
	before := scrape(t, page)
	makeTask(t, n)
	started := []*v1.TaskRun{startOf(t, n, "0"), startOf(t, n, "0"), startOf(t, n, "3")}
	run := n.Pipeline(t, v1.PipelineRunSpec{PipelineRef: makePipeline(t, n)})
	suite.WantSucceeded(t, run.Status.Condition())
	for _, one := range started {
		n.Finish(t, one)
	}
	const duration = "_duration_seconds"
	poll(t, func(context.Context) error {
		now := scrape(t, page)
		succeeded := func(metric, label, name string) float64 {
			return observed(now, metric, "namespace", n.Name, label, name, "status", "success")
		}
		for what, series := range map[string]struct {
			want, got float64
		}{
			"TaskRuns that succeeded":     {2, succeeded("taskrun"+duration, "task", "make")},
			"TaskRuns that failed":        {1, observed(now, "taskrun"+duration, "namespace", n.Name, "task", "make", "status", "failed")},
			"PipelineRuns":                {1, succeeded("pipelinerun"+duration, "pipeline", "release")},
			"TaskRuns of a PipelineRun":   {1, succeeded("pipelinerun_taskrun"+duration, "pipeline", "release")},
			"series of latencies of pods": {1, observed(now, "taskruns_pod_latency_milliseconds", "namespace", n.Name, "task", "make")},
			"series of TaskRuns now":      {1, observed(now, "running_taskruns")},
		} {
			if series.want != series.got {
				return fmt.Errorf("want %v %s, got %v", series.want, what, series.got)
			}
		}
		// These have no namespace, so runs of other tests can be among them.
		tasks, failures := growth(before, now, "taskrun_total", "success"), growth(before, now, "taskrun_total", "failed")
		pipelines := growth(before, now, "pipelinerun_total", "success")
		if tasks < 3 || failures < 1 || pipelines < 1 {
			return fmt.Errorf("want at least 3 TaskRuns, 1 failure and 1 PipelineRun more, got %v, %v and %v", tasks, failures, pipelines)
		}
		return nil
	})
}

// makeTask creates the Task "make" with a result. Its param is its exit code.
func makeTask(t *testing.T, n *suite.Namespace) {
	t.Helper()
	task := &v1.Task{Spec: v1.TaskSpec{
		Params:  []v1.ParamSpec{{Name: "code", Default: new(v1.StringValue("0"))}},
		Results: oneResult(),
		Steps:   []v1.Step{kube.Script("s", "printf %s small > $(results.digest.path)\nexit $(params.code)")},
	}}
	task.Namespace, task.Name = n.Name, "make"
	if err := n.Client.Create(t.Context(), task); err != nil {
		t.Fatal(err)
	}
}

// startOf starts a run of the Task "make" with an exit code.
func startOf(t *testing.T, n *suite.Namespace, code string) *v1.TaskRun {
	t.Helper()
	return n.Start(t, v1.TaskRunSpec{
		TaskRef: &v1.TaskRef{Name: "make"}, Params: []v1.Param{{Name: "code", Value: v1.StringValue(code)}},
	})
}

// makePipeline creates the Pipeline "release" with the Task "make".
func makePipeline(t *testing.T, n *suite.Namespace) *v1.PipelineRef {
	t.Helper()
	pipeline := &v1.Pipeline{Spec: v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: "make", TaskRef: &v1.TaskRef{Name: "make"}}}}}
	pipeline.Namespace, pipeline.Name = n.Name, "release"
	if err := n.Client.Create(t.Context(), pipeline); err != nil {
		t.Fatal(err)
	}
	return &v1.PipelineRef{Name: pipeline.Name}
}

// forwardMetrics forwards a port of this machine to that of Tekton's Service until the test ends, and returns the page of metrics.
func forwardMetrics(t *testing.T, n *suite.Namespace) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	forward := exec.CommandContext(ctx, cmp.Or(os.Getenv("KUBECTL"), "kubectl"),
		"port-forward", "--namespace", n.Controller, "service/tekton-pipelines-controller", ":9090")
	forward.Cancel = func() error { return forward.Process.Signal(syscall.SIGTERM) }
	var failure strings.Builder
	forward.Stderr = &failure
	out, err := forward.StdoutPipe()
	if err == nil {
		err = forward.Start()
	}
	if err != nil {
		cancel()
		t.Fatalf("cannot forward a port: %v", err)
	}
	t.Cleanup(func() {
		cancel()
		if err := forward.Wait(); err != nil && forward.ProcessState == nil {
			t.Errorf("cannot wait until the forwarding has ended: %v", err)
		}
	})
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n') // Forwarding from 127.0.0.1:40000 -> 9090
	fields := strings.Fields(line)
	if err != nil || len(fields) < 3 {
		t.Fatalf("cannot forward a port: the output of kubectl is %q, %v", line, err)
	}
	go io.Copy(io.Discard, lines) //nolint:errcheck // further output is not needed
	return "http://" + fields[2] + "/metrics"
}

// scrape reads metrics as Prometheus does.
func scrape(t *testing.T, page string) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v", page, answer.Status, err)
	}
	return families
}

// observed returns the number of observations of a histogram, or of series of a gauge, with labels: names and values in turn.
func observed(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	var sum float64
	for _, m := range matching(families, name, labels...) {
		if h := m.GetHistogram(); h != nil {
			sum += float64(h.GetSampleCount())
		} else {
			sum++
		}
	}
	return sum
}

// growth returns how much a counter with a status has grown.
func growth(before, after map[string]*dto.MetricFamily, name, status string) float64 {
	var sum float64
	for _, m := range matching(after, name, "status", status) {
		sum += m.GetCounter().GetValue()
	}
	for _, m := range matching(before, name, "status", status) {
		sum -= m.GetCounter().GetValue()
	}
	return sum
}

// matching returns the series of a metric of Tekton that have labels: names and values in turn.
func matching(families map[string]*dto.MetricFamily, name string, labels ...string) []*dto.Metric {
	var all []*dto.Metric
	for _, m := range families[tektonMetrics+name].GetMetric() {
		has := map[string]string{}
		for _, l := range m.GetLabel() {
			has[l.GetName()] = l.GetValue()
		}
		wrong := func(l []string) bool { return has[l[0]] != l[1] }
		if !slices.ContainsFunc(slices.Collect(slices.Chunk(labels, 2)), wrong) {
			all = append(all, m)
		}
	}
	return all
}

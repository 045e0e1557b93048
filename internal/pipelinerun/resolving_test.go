package pipelinerun

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/resolver"
)

const (
	remotePipeline = `apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: remote, labels: {team: a}}
spec:
  tasks:
  - {name: one, taskRef: {resolver: git, params: [{name: path, value: one.yaml}]}}
  - {name: again, taskRef: {resolver: git, params: [{name: path, value: one.yaml}]}}
  - {name: two, taskRef: {resolver: git, params: [{name: path, value: two.yaml}]}}
`
	remoteTask = `apiVersion: tekton.dev/v1
kind: Task
metadata: {name: task}
spec:
  steps: [{name: s, image: busybox, script: "true"}]
`
)

// remote is a run whose Pipeline comes through a resolver.
func remote() *v1.PipelineRun {
	pr := run()
	pr.Labels = nil
	pr.Spec.PipelineSpec = nil
	pr.Spec.PipelineRef = &v1.PipelineRef{ResolverRef: v1.ResolverRef{Resolver: "git", Params: []v1.Param{param("path", "p.yaml")}}}
	return pr
}

// answer answers the open requests, and returns how many there were.
func (c *cluster) answer(t *testing.T, a resolver.Answer) int {
	t.Helper()
	list := &resolutionv1beta1.ResolutionRequestList{}
	if err := c.List(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	open := 0
	for i := range list.Items {
		if list.Items[i].Done() {
			continue
		}
		open++
		if err := resolver.Write(t.Context(), c, &list.Items[i], a); err != nil {
			t.Fatal(err)
		}
	}
	return open
}

func wantReason(t *testing.T, pr *v1.PipelineRun, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	if c := pr.Status.Condition(); c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, message) {
		t.Fatalf("want %s, %s, %q, got %+v", status, reason, message, c)
	}
}

// TestResolvesPipelineAndTasks: a run waits for its Pipeline, then for all Tasks of it at once, and records where the Pipeline came
// from.
func TestResolvesPipelineAndTasks(t *testing.T) {
	pr := remote()
	c := newCluster(t, interceptor.Funcs{}, pr)
	pr = c.settle(t, pr)
	wantReason(t, pr, metav1.ConditionUnknown, v1.PipelineRunReasonResolvingPipelineRef, `waiting for resolver "git"`)
	if pr.Status.StartTime == nil || pr.Status.PipelineSpec != nil || pr.Labels[v1.LabelPipeline] != "" {
		t.Errorf("the run has started, and nothing of its pipeline is known, got %+v", pr)
	}
	c.restart(t, interceptor.Funcs{})
	pr = c.settle(t, pr)
	if n := c.answer(t, resolver.Answer{Definition: remotePipeline, Source: &v1.RefSource{URI: "git+https://x"}}); n != 1 {
		t.Fatalf("want one request for the Pipeline, got %d", n)
	}
	pr = c.settle(t, pr)
	wantReason(t, pr, metav1.ConditionUnknown, v1.PipelineRunReasonResolvingTaskRef, "ResolutionRequest")
	if n := c.answer(t, resolver.Answer{Definition: remoteTask}); n != 2 {
		t.Fatalf("want one request for each different Task, all at once, got %d", n)
	}
	pr = c.settle(t, pr)
	if got := len(c.children(t)); got != 3 || pr.Status.PipelineSpec == nil || len(pr.Status.ChildReferences) != 3 {
		t.Fatalf("want the three tasks started, got %d and %+v", got, pr.Status)
	}
	if p := pr.Status.Provenance; p == nil || p.RefSource == nil || p.RefSource.URI != "git+https://x" {
		t.Errorf("the source of the Pipeline is missing: %+v", p)
	}
	if pr.Labels[v1.LabelPipeline] != "remote" || pr.Labels["team"] != "a" {
		t.Errorf("the labels of the Pipeline are missing: %v", pr.Labels)
	}
}

func TestResolvingEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		reason  string
		change  func(*testing.T, *cluster, *v1.PipelineRun)
		want    string
		message string
	}{
		"Failure": {
			reason: "the resolver cannot get the definition",
			change: func(t *testing.T, c *cluster, _ *v1.PipelineRun) {
				c.answer(t, resolver.Answer{Failure: "no such file"})
			},
			want:    v1.PipelineRunReasonCouldntGetPipeline,
			message: "no such file",
		},
		"FailureOfTask": {
			reason: "the resolver cannot get a Task",
			change: func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
				c.answer(t, resolver.Answer{Definition: remotePipeline})
				c.settle(t, pr)
				c.answer(t, resolver.Answer{Failure: "no such file"})
			},
			want:    v1.PipelineRunReasonCouldntGetTask,
			message: "no such file",
		},
		"NoAnswer": {
			reason:  "no program answers in time",
			change:  func(_ *testing.T, c *cluster, _ *v1.PipelineRun) { c.clock.SetTime(start.Add(time.Minute)) },
			want:    v1.PipelineRunReasonCouldntGetPipeline,
			message: "default-maximum-resolution-timeout",
		},
		"Timeout": {
			reason: "the timeout of the run is shorter",
			change: func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
				c.update(t, pr, func(pr *v1.PipelineRun) {
					pr.Spec.Timeouts = &v1.Timeouts{Pipeline: &metav1.Duration{Duration: time.Second}}
				})
				c.clock.SetTime(start.Add(time.Second))
			},
			want:    v1.PipelineRunReasonTimedOut,
			message: `it was waiting for resolver "git"`,
		},
		"Cancelled": {
			reason: "the user does not wait any longer",
			change: func(t *testing.T, c *cluster, pr *v1.PipelineRun) {
				c.update(t, pr, func(pr *v1.PipelineRun) { pr.Spec.Status = v1.PipelineRunSpecStatusCancelled })
			},
			want:    v1.PipelineRunReasonCancelled,
			message: "cancelled before it started",
		},
	} {
		t.Run(name, func(t *testing.T) {
			pr := remote()
			c := newCluster(t, interceptor.Funcs{}, pr)
			pr = c.settle(t, pr)
			tc.change(t, c, pr)
			pr = c.settle(t, pr)
			wantReason(t, pr, metav1.ConditionFalse, tc.want, tc.message)
			if pr.Status.CompletionTime == nil || len(c.children(t)) != 0 {
				t.Errorf("%s: the run has ended without a TaskRun, got %+v", tc.reason, pr.Status)
			}
		})
	}
}

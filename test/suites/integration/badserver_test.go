//go:build integration

package integration

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// TestBadAPIServer: whatever the API server answers, every run ends correctly, with one pod and a whole result. The
// controller must not send more than a multiple of its usual requests.
func TestBadAPIServer(t *testing.T) {
	const singles, pipelines, chain = 20, 2, 5
	const tasks = singles + pipelines*chain
	cases := map[string]struct {
		reason string
		plan   func(c call, n int) trouble
		// most is the maximum number of requests for one task, including the client's retries.
		most int
	}{
		"Healthy":    {reason: "what it takes when nothing is wrong", most: 14},
		"Throttled":  {reason: "one in three requests is to come again after two seconds", plan: oneIn(3, throttled), most: 20},
		"Broken":     {reason: "one in three requests fails with 500", plan: oneIn(3, broken), most: 25},
		"Overloaded": {reason: "one in three requests fails with 503", plan: oneIn(3, overloaded), most: 25},
		"HungUp":     {reason: "one in three connections is closed before the request was heard", plan: oneIn(3, hungUp), most: 25},
		"Lost":       {reason: "one in three requests is carried out, and nobody hears of it", plan: oneIn(3, lost), most: 25},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r, namespace := newRelay(t), newPlace(t)
			supervise(t, r)
			player := playPods(t, namespace)
			before, _ := r.total()
			r.let(tc.plan)
			for i := range singles {
				create(t, taskRun(namespace, fmt.Sprintf("single-%d", i)))
			}
			for i := range pipelines {
				create(t, pipelineRun(namespace, fmt.Sprintf("chain-%d", i), "a", "b", "c", "d", "e"))
			}
			taskRuns, pipelineRuns := awaitEnds(t, namespace, 5*time.Minute)
			all, inTrouble := r.total()
			t.Logf("%s: %d tasks took %d requests, %.1f for each, %d of them in trouble",
				tc.reason, tasks, all-before, float64(all-before)/tasks, inTrouble)
			wantWhole(t, taskRuns, pipelineRuns, tasks, pipelines)
			if pods := podsOf(t, namespace); len(pods) != tasks || player.Played() != tasks {
				t.Errorf("want one pod for each of %d tasks, got %d, %d of which were played", tasks, len(pods), player.Played())
			}
			if got := (all - before) / tasks; got > tc.most {
				t.Errorf("%s: want at most %d requests for each task, got %d", tc.reason, tc.most, got)
			}
			if len(r.early) > 0 {
				t.Errorf("want Retry-After honoured, but these came back before it: %q", r.early)
			}
		})
	}
}

// oneIn disturbs one in n requests, by a seeded random number. Strictly every nth request of a kind could always hit the same
// request of a reconcile. With one in two the runs end correctly as well, but they take minutes: a reconcile that needs
// several requests rarely completes, and each failure doubles the backoff.
func oneIn(many int, what trouble) func(call, int) trouble {
	die := rand.New(rand.NewPCG(1, 2))
	return func(c call, _ int) trouble {
		// A lease that cannot be renewed makes the controller exit, as it must: see TestOutage.
		if c.resource != "leases" && c.verb != "watch" && die.IntN(many) == 0 {
			return what
		}
		return none
	}
}

func wantWhole(t *testing.T, taskRuns []v1.TaskRun, pipelineRuns []v1.PipelineRun, tasks, pipelines int) {
	t.Helper()
	if len(taskRuns) != tasks || len(pipelineRuns) != pipelines {
		t.Errorf("want %d TaskRuns and %d PipelineRuns, got %d and %d", tasks, pipelines, len(taskRuns), len(pipelineRuns))
	}
	for i := range taskRuns {
		run := &taskRuns[i]
		if c := run.Status.Condition(); c.Status != metav1.ConditionTrue || len(run.Status.Results) != 1 ||
			run.Status.Results[0].Value.String != "whole" {
			t.Errorf("TaskRun %s: want it succeeded with its result, got %+v, %+v", run.Name, c, run.Status.Results)
		}
	}
	for i := range pipelineRuns {
		if c := pipelineRuns[i].Status.Condition(); c.Status != metav1.ConditionTrue {
			t.Errorf("PipelineRun %s: want it succeeded, got %+v", pipelineRuns[i].Name, c)
		}
	}
}

func podsOf(t *testing.T, namespace string) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	if err := shared.client.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	return pods.Items
}

// TestOutage: while the API server is unavailable, the controller does not increase the load, whatever is queued. When it is
// available again, all runs end correctly.
func TestOutage(t *testing.T) {
	const runs, away = 100, 15 * time.Second
	cases := map[string]struct {
		reason string
		what   trouble
		// most is the maximum mean number of requests per second.
		most int
	}{
		"Overloaded": {reason: "503, and no word on how long to wait", what: overloaded, most: 100},
		"Throttled":  {reason: "429 for two seconds", what: throttled, most: 100},
		"HungUp":     {reason: "nobody listens", what: hungUp, most: 100},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r, namespace := newRelay(t), newPlace(t)
			p := supervise(t, r)
			playPods(t, namespace)
			awaitWork(t, namespace)
			before, _ := r.total()
			r.let(func(call, int) trouble { return tc.what })
			start := time.Now()
			for i := range runs {
				create(t, taskRun(namespace, fmt.Sprintf("run-%d", i)))
			}
			awaitTime(t, start.Add(away))
			all, _ := r.total()
			r.let(nil)
			back := time.Now()
			taskRuns, pipelineRuns := awaitEnds(t, namespace, 5*time.Minute)
			perSecond := float64(all-before) / away.Seconds()
			t.Logf("%s: %d requests in %v with %d runs waiting, %.0f a second; all had ended %v after it was back; "+
				"the controller was started %d times",
				tc.reason, all-before, away, runs, perSecond, time.Since(back).Round(time.Second/10), p.starts.Load())
			wantWhole(t, taskRuns, pipelineRuns, runs+1, 0)
			if pods := podsOf(t, namespace); len(pods) != runs+1 {
				t.Errorf("want one pod for each run, got %d", len(pods))
			}
			if perSecond > float64(tc.most) {
				t.Errorf("%s: want at most %d requests a second, got %.0f", tc.reason, tc.most, perSecond)
			}
			if len(r.early) > 0 {
				t.Errorf("want Retry-After honoured, but these came back before it: %q", r.early)
			}
		})
	}
}

// awaitWork returns when the controller has completed one run.
func awaitWork(t *testing.T, namespace string) {
	t.Helper()
	create(t, taskRun(namespace, "first"))
	awaitEnds(t, namespace, 2*time.Minute)
}

// awaitTime returns at the given time, the end of the API server's outage.
func awaitTime(t *testing.T, at time.Time) {
	t.Helper()
	err := wait.PollUntilContextCancel(t.Context(), 100*time.Millisecond, true, func(context.Context) (bool, error) {
		return time.Now().After(at), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// taskRun returns a run of a task that produces the Result.
func taskRun(namespace, name string) *v1.TaskRun {
	return &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
		Results: []v1.TaskResult{{Name: Result, Type: v1.TypeString}},
		Steps:   []v1.Step{{Name: "s", Image: kube.StepImage, Script: "true"}},
	}}}
}

// Queue creates n TaskRuns, several at the same time.
func Queue(ctx context.Context, c client.Client, namespace string, runs int) error {
	next := make(chan int)
	failed := make([]error, min(width, runs))
	var workers sync.WaitGroup
	for w := range failed {
		workers.Go(func() {
			for i := range next {
				if failed[w] != nil {
					continue
				}
				if err := c.Create(ctx, taskRun(namespace, fmt.Sprintf("run%d", i))); err != nil {
					failed[w] = fmt.Errorf("cannot create TaskRun %d: %w", i, err)
				}
			}
		})
	}
	for i := range runs {
		next <- i
	}
	close(next)
	workers.Wait()
	return errors.Join(failed...)
}

// Drain waits until n TaskRuns of a namespace have ended. It returns the times from begin to the observed end of each. The
// error names the first that did not succeed with its result.
func Drain(ctx context.Context, c client.WithWatch, namespace string, runs int, begin time.Time) ([]time.Duration, error) {
	w, err := c.Watch(ctx, &v1.TaskRunList{}, client.InNamespace(namespace))
	if err != nil {
		return nil, fmt.Errorf("cannot watch TaskRuns: %w", err)
	}
	defer func() { w.Stop() }()
	ended := map[string]time.Duration{}
	for len(ended) < runs {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d TaskRuns in %q have ended: %w", len(ended), runs, namespace, ctx.Err())
		case event, open := <-w.ResultChan():
			if !open { // by an API server that is busy; a new watch begins with all TaskRuns
				if w, err = c.Watch(ctx, &v1.TaskRunList{}, client.InNamespace(namespace)); err != nil {
					return nil, fmt.Errorf("cannot watch TaskRuns again: %w", err)
				}
				continue
			}
			tr, ok := event.Object.(*v1.TaskRun)
			if !ok || !tr.Status.Done() {
				continue
			}
			if c := tr.Status.Condition(); c.Status != metav1.ConditionTrue || len(tr.Status.Results) != 1 {
				return nil, fmt.Errorf("TaskRun %q: %s", tr.Name, kube.Describe(c))
			}
			if _, seen := ended[tr.Name]; !seen {
				ended[tr.Name] = time.Since(begin)
			}
		}
	}
	times := make([]time.Duration, 0, len(ended))
	for _, after := range ended {
		times = append(times, after)
	}
	return times, nil
}

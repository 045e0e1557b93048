// Package follow watches a PipelineRun until it ends, and reports when each of its TaskRuns started and ended. It uses the
// clock of this machine, because the times in the API have whole seconds only.
package follow

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Times are the times at which the watch first saw a TaskRun, and first saw that it had ended.
type Times struct {
	Began, Ended time.Time
}

// Tracker turns the objects of a watch into times and messages. The zero Tracker is ready for use.
type Tracker struct {
	times map[string]Times
}

// See records the state of a TaskRun at a time. If the state is new, it returns a message for people.
func (t *Tracker) See(run *v1.TaskRun, now time.Time) (message string, news bool) {
	if t.times == nil {
		t.times = map[string]Times{}
	}
	seen, known := t.times[run.Name]
	task := run.Labels[v1.LabelPipelineTask]
	if !known {
		seen.Began = now
		message, news = fmt.Sprintf("task %s started as taskrun/%s", task, run.Name), true
	}
	if run.Status.Done() && seen.Ended.IsZero() {
		seen.Ended = now
		message, news = fmt.Sprintf("task %s ended after %.1f s: %s", task, now.Sub(seen.Began).Seconds(), run.Status.Condition().Reason), true
	}
	t.times[run.Name] = seen
	return message, news
}

// Took returns the duration of a TaskRun, or zero for one that has not ended.
func (t *Tracker) Took(name string) time.Duration {
	seen := t.times[name]
	if seen.Ended.IsZero() {
		return 0
	}
	return seen.Ended.Sub(seen.Began)
}

// Run watches until the PipelineRun has ended, and calls report with each message. It returns the PipelineRun in its last
// state.
func (t *Tracker) Run(ctx context.Context, c client.WithWatch, key client.ObjectKey, report func(string)) (*v1.PipelineRun, error) {
	for {
		var run v1.PipelineRun
		if err := c.Get(ctx, key, &run); err != nil {
			return nil, fmt.Errorf("cannot read PipelineRun %q: %w", key.Name, err)
		}
		if err := t.catchUp(ctx, c, &run, report); err != nil {
			return nil, err
		}
		if run.Status.Done() {
			return &run, nil
		}
		if err := t.untilChange(ctx, c, &run, report); err != nil {
			return nil, err
		}
	}
}

// catchUp records the TaskRuns in their current state.
func (t *Tracker) catchUp(ctx context.Context, c client.Client, run *v1.PipelineRun, report func(string)) error {
	var list v1.TaskRunList
	if err := c.List(ctx, &list, client.InNamespace(run.Namespace), client.MatchingLabels{v1.LabelPipelineRun: run.Name}); err != nil {
		return fmt.Errorf("cannot list TaskRuns of PipelineRun %q: %w", run.Name, err)
	}
	for i := range list.Items {
		t.note(&list.Items[i], report)
	}
	return nil
}

func (t *Tracker) note(run *v1.TaskRun, report func(string)) {
	if message, news := t.See(run, time.Now()); news {
		report(message)
	}
}

// untilChange records TaskRuns as they change. It returns when the PipelineRun itself has changed or a watch has ended.
func (t *Tracker) untilChange(ctx context.Context, c client.WithWatch, run *v1.PipelineRun, report func(string)) error {
	own, err := c.Watch(ctx, &v1.PipelineRunList{}, client.InNamespace(run.Namespace), client.MatchingFields{"metadata.name": run.Name},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: run.ResourceVersion}})
	if err != nil {
		return fmt.Errorf("cannot watch PipelineRun %q: %w", run.Name, err)
	}
	defer own.Stop()
	children, err := c.Watch(ctx, &v1.TaskRunList{}, client.InNamespace(run.Namespace), client.MatchingLabels{v1.LabelPipelineRun: run.Name})
	if err != nil {
		return fmt.Errorf("cannot watch TaskRuns of PipelineRun %q: %w", run.Name, err)
	}
	defer children.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("PipelineRun %q has not ended: %w", run.Name, ctx.Err())
		case event, open := <-own.ResultChan():
			if open && event.Type == watch.Deleted {
				return fmt.Errorf("PipelineRun %q was deleted", run.Name)
			}
			return nil
		case event, open := <-children.ResultChan():
			if !open {
				return nil
			}
			if child, ok := event.Object.(*v1.TaskRun); ok && event.Type != watch.Deleted {
				t.note(child, report)
			}
		}
	}
}

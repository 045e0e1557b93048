// Package load creates PipelineRuns of many tasks, and waits for their end.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// Result that every task produces.
const Result = "r"

// Shape is the dependency structure of a run's tasks.
type Shape string

// The shapes.
const (
	// Wide: one task, many tasks that use its result, and one task after all of them.
	Wide Shape = "wide"
	// Chain: each task uses the previous result.
	Chain Shape = "chain"
	// Custom: like Wide, with CustomRuns.
	Custom Shape = "custom"
	// Nested: like Wide, and each task is a pipeline of one task.
	Nested Shape = "nested"
)

// Pipeline returns a pipeline with n tasks, at least two.
func Pipeline(shape Shape, tasks int) *v1.PipelineSpec {
	spec := &v1.PipelineSpec{Tasks: make([]v1.PipelineTask, tasks)}
	for i := range spec.Tasks {
		task := taskOf(shape)
		task.Name = fmt.Sprintf("t%d", i)
		take := func(from int) {
			if task.TaskRef == nil && task.TaskSpec != nil {
				task.TaskSpec.Params = []v1.ParamSpec{{Name: "p", Type: v1.TypeString}}
			}
			task.Params = append(task.Params, v1.Param{Name: "p", Value: v1.StringValue(fmt.Sprintf("$(tasks.t%d.results.%s)", from, Result))})
		}
		switch {
		case i == 0:
		case shape == Chain:
			take(i - 1)
		case i < tasks-1:
			take(0)
		default:
			for j := range i {
				task.RunAfter = append(task.RunAfter, fmt.Sprintf("t%d", j))
			}
		}
		spec.Tasks[i] = task
	}
	spec.Results = []v1.PipelineResult{{Name: Result, Value: v1.StringValue(fmt.Sprintf("$(tasks.t%d.results.%s)", tasks-1, Result))}}
	return spec
}

// taskOf returns a task that produces the Result.
func taskOf(shape Shape) v1.PipelineTask {
	leaf := v1.PipelineTask{Name: "leaf", TaskSpec: &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{
		Results: []v1.TaskResult{{Name: Result, Type: v1.TypeString}},
		Steps:   []v1.Step{{Name: "s", Image: kube.StepImage, Script: "true"}},
	}}}
	switch shape {
	case Custom:
		return customtask.Task("", customtask.Echo, v1.Param{Name: Result, Value: v1.StringValue("a result of a few words")})
	case Nested:
		raw, err := json.Marshal(v1.PipelineSpec{
			Tasks:   []v1.PipelineTask{leaf},
			Results: []v1.PipelineResult{{Name: Result, Value: v1.StringValue("$(tasks.leaf.results." + Result + ")")}},
		})
		if err != nil {
			panic(err) // the spec has only texts, which can always be encoded
		}
		return v1.PipelineTask{PipelineSpec: &runtime.RawExtension{Raw: raw}}
	case Wide, Chain:
	}
	return leaf
}

// width is the number of runs that are created at the same time.
const width = 8

// Run creates runs of a pipeline, and returns when all have ended. The error names the first that did not succeed.
func Run(ctx context.Context, c client.WithWatch, namespace string, runs int, spec *v1.PipelineSpec) error {
	w, err := c.Watch(ctx, &v1.PipelineRunList{}, client.InNamespace(namespace))
	if err != nil {
		return fmt.Errorf("cannot watch PipelineRuns: %w", err)
	}
	failed := make(chan error, runs)
	go create(ctx, c, namespace, runs, spec, failed)
	for ended := map[string]bool{}; len(ended) < runs; {
		err := await(ctx, w, runs, ended, failed)
		w.Stop()
		if !errors.Is(err, errClosed) {
			return err
		}
		if w, err = c.Watch(ctx, &v1.PipelineRunList{}, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("cannot watch PipelineRuns again: %w", err)
		}
	}
	return nil
}

// errClosed: a busy API server has closed the watch. A new one begins with all runs.
var errClosed = errors.New("the watch was closed before the runs ended")

func create(ctx context.Context, c client.Client, namespace string, runs int, spec *v1.PipelineSpec, failed chan<- error) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(width, runs) {
		workers.Go(func() {
			for i := range next {
				pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("run%d", i)}}
				pr.Spec.PipelineSpec = spec.DeepCopy()
				if err := c.Create(ctx, pr); err != nil {
					failed <- fmt.Errorf("cannot create PipelineRun %q: %w", pr.Name, err)
				}
			}
		})
	}
	for i := range runs {
		next <- i
	}
	close(next)
	workers.Wait()
}

// await returns when the given number of runs have succeeded, and adds their names to ended.
func await(ctx context.Context, w watch.Interface, runs int, ended map[string]bool, failed <-chan error) error {
	for len(ended) < runs {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d runs have ended: %w", len(ended), runs, ctx.Err())
		case err := <-failed:
			return err
		case event, open := <-w.ResultChan():
			if !open {
				return errClosed
			}
			pr, ok := event.Object.(*v1.PipelineRun)
			if !ok || !pr.Status.Done() || metav1.GetControllerOf(pr) != nil {
				continue
			}
			if c := pr.Status.Condition(); c.Status != metav1.ConditionTrue || len(pr.Status.Results) != 1 {
				return fmt.Errorf("PipelineRun %q: %s", pr.Name, kube.Describe(c))
			}
			ended[pr.Name] = true
		}
	}
	return nil
}

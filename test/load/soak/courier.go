package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/load/soak/plan"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// patience bounds the time of one run, from its creation to its end.
const patience = 3 * time.Minute

// produce is the path of the program in the image, where ko puts it.
const produce = "/ko-app/produce"

// lostError means that a run is green, but its results are not those that were planned. This must never happen.
type lostError struct{ what string }

// Error implements error.
func (e *lostError) Error() string { return e.what }

// courier sends runs through the controller of one cluster.
type courier struct {
	cluster   *kube.Cluster
	namespace string
	options   options
}

// send sends all runs, several at the same time, until ctx ends, and adds their outcomes to the tally.
func send(ctx context.Context, c *courier, o options, t *tally) {
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range o.parallel {
		workers.Go(func() {
			for number := range numbers {
				t.add(c.carry(ctx, number))
			}
		})
	}
	for number := o.first; number < o.first+o.count && ctx.Err() == nil; number++ {
		select {
		case numbers <- number:
		case <-ctx.Done():
		}
	}
	close(numbers)
	workers.Wait()
}

// carry sends one run and verifies its results.
func (c *courier) carry(ctx context.Context, number int) outcome {
	planned := plan.Make(c.options.seed, number)
	o := outcome{number: number, planned: planned}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	run := c.taskRun(number, planned)
	if o.err = kube.Create(ctx, c.cluster.Client, run); o.err != nil {
		return o
	}
	o.name = run.Name
	o.err = kube.Await(ctx, c.cluster.Client, run, &v1.TaskRunList{}, func(run *v1.TaskRun) bool { return run.Status.Done() })
	o.took = time.Since(began)
	if o.err == nil {
		o.err = verify(run, planned)
	}
	if o.err == nil {
		o.err = client.IgnoreNotFound(c.cluster.Client.Delete(ctx, run))
	}
	return o
}

// taskRun returns the object of a run. Each step gets its number, and the paths of all results.
func (c *courier) taskRun(number int, planned plan.Run) *v1.TaskRun {
	task := &v1.TaskSpec{}
	var paths []string
	for _, r := range planned.Results {
		task.Results = append(task.Results, kube.Result(r.Name, v1.ValueType(r.Type), r.Keys()...))
		paths = append(paths, fmt.Sprintf("%[1]s=$(results.%[1]s.path)", r.Name))
	}
	for step := range planned.Steps {
		task.Steps = append(task.Steps, v1.Step{
			Name: fmt.Sprintf("step-%d", step), Image: c.options.image, Command: []string{produce},
			Args: append([]string{fmt.Sprintf("-seed=%d", c.options.seed), fmt.Sprintf("-run=%d", number), fmt.Sprintf("-step=%d", step)}, paths...),
		})
	}
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: task}}
	run.Namespace, run.GenerateName = c.namespace, fmt.Sprintf("soak-%d-", number)
	return run
}

// verify compares the results of a run that has ended with the plan.
func verify(run *v1.TaskRun, planned plan.Run) error {
	condition := run.Status.Condition()
	if condition.Status != metav1.ConditionTrue {
		return errors.New(kube.Describe(condition))
	}
	var wrong []string
	values := kube.Values(run)
	for _, r := range planned.Results {
		value, there := values[r.Name]
		switch {
		case !there:
			wrong = append(wrong, fmt.Sprintf("result %q is missing", r.Name))
		case !value.Equal(r.APIValue()):
			wrong = append(wrong, fmt.Sprintf("result %q, %s of %s with %d bytes, differs", r.Name, r.Type, r.Kind, r.Size()))
		}
	}
	if len(run.Status.Results) != len(planned.Results) {
		wrong = append(wrong, fmt.Sprintf("it has %d results, want %d", len(run.Status.Results), len(planned.Results)))
	}
	if len(wrong) > 0 {
		return &lostError{what: "green, but " + strings.Join(wrong, "; ")}
	}
	return nil
}

// controllers returns the names of the controller's pods with their numbers of starts. The text changes if a controller is
// restarted.
func controllers(ctx context.Context, c *kube.Cluster) (string, error) {
	pods, err := c.Kube.CoreV1().Pods(kube.Installation).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("cannot list the controller's pods: %w", err)
	}
	var all []string
	for _, pod := range pods.Items {
		for _, s := range pod.Status.ContainerStatuses {
			all = append(all, fmt.Sprintf("%s, started %d times", pod.Name, 1+s.RestartCount))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; "), nil
}

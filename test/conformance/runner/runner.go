// Package runner runs the cases of a suite on a cluster, several at the same time, each in a separate namespace.
package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/test/conformance/suite"
)

// Cluster is the cluster on which cases run.
type Cluster interface {
	// Open creates a namespace for the case.
	Open(ctx context.Context, name string) (Namespace, error)
}

// Namespace holds the objects of one case.
type Namespace interface {
	// Create creates an object, and sets its name. The error is a RefusalError if the API server refuses the object.
	Create(ctx context.Context, obj *unstructured.Unstructured) error
	// Await waits until a run has ended. With an error it returns the last condition of the run.
	Await(ctx context.Context, run *unstructured.Unstructured) (suite.Condition, error)
	// Close deletes the namespace. If explain is true, it returns a description of the failure. It works after ctx has ended,
	// too.
	Close(ctx context.Context, explain bool) string
}

// RefusalError is the API server's reason to refuse an object.
type RefusalError struct{ Message string }

// Error implements error.
func (e *RefusalError) Error() string { return e.Message }

// Outcome is the outcome of a case.
type Outcome string

// The outcomes.
const (
	Passed Outcome = "passed"
	Failed Outcome = "FAILED"
	// Skipped cases need feature flags that the cluster does not have.
	Skipped Outcome = "skipped"
	// Interrupted cases were running, or had not started, when ctx ended.
	Interrupted Outcome = "interrupted"
)

// Result is the result of a case.
type Result struct {
	Name    string
	Outcome Outcome
	Took    time.Duration
	// Reason has one or more lines. It may be empty for a case that passed.
	Reason string
	// Explanation describes a failure.
	Explanation string
}

// Runner runs cases.
type Runner struct {
	Cluster Cluster
	// Parallel is the number of cases that run at the same time, at least 1.
	Parallel int
	// Timeout bounds one case.
	Timeout time.Duration
	// Flags are the feature flags of the cluster.
	Flags map[string]string
	// Done is called with every result when it is available, one at a time.
	Done func(Result)
}

// Run runs all cases and returns the results in their order. When ctx ends, running cases end as Interrupted.
func (r *Runner) Run(ctx context.Context, cases []suite.Case) []Result {
	results := make([]Result, len(cases))
	next := make(chan int)
	var (
		workers sync.WaitGroup
		one     sync.Mutex
	)
	for range r.Parallel {
		workers.Go(func() {
			for i := range next {
				results[i] = r.try(ctx, cases[i])
				one.Lock()
				r.Done(results[i])
				one.Unlock()
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	workers.Wait()
	return results
}

// try runs one case.
func (r *Runner) try(ctx context.Context, c suite.Case) Result {
	if ctx.Err() != nil {
		return Result{Name: c.Name, Outcome: Interrupted}
	}
	if lacks := r.lacks(c); lacks != "" {
		return Result{Name: c.Name, Outcome: Skipped, Reason: lacks}
	}
	began := time.Now()
	timed, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	namespace, err := r.Cluster.Open(timed, c.Name)
	if err != nil {
		return r.result(ctx, c, began, err.Error())
	}
	expect := c.Expected(r.Flags)
	result := r.result(ctx, c, began, run(timed, namespace, c.Objects, expect))
	if result.Outcome == Passed && expect.Reason != "" {
		result.Reason = "as expected: " + expect.Reason
	}
	result.Explanation = namespace.Close(ctx, result.Outcome == Failed)
	return result
}

func (r *Runner) result(ctx context.Context, c suite.Case, began time.Time, problem string) Result {
	result := Result{Name: c.Name, Outcome: Passed, Took: time.Since(began), Reason: problem}
	switch {
	case problem != "" && ctx.Err() != nil:
		result.Outcome, result.Reason = Interrupted, ""
	case problem != "":
		result.Outcome = Failed
	}
	return result
}

// lacks returns the feature flags that the case needs and the cluster does not have, or "".
func (r *Runner) lacks(c suite.Case) string {
	var lacks []string
	for _, flag := range slices.Sorted(maps.Keys(c.Needs)) {
		if want := c.Needs[flag]; r.Flags[flag] != want {
			lacks = append(lacks, fmt.Sprintf("needs %s=%s, the cluster has %q", flag, want, r.Flags[flag]))
		}
	}
	return strings.Join(lacks, "; ")
}

// run creates the objects and waits for the runs among them. It returns the cause of a failure, or "".
func run(ctx context.Context, namespace Namespace, objects []*unstructured.Unstructured, expect suite.Expectation) string {
	refused, problem := create(ctx, namespace, objects, expect)
	if refused || problem != "" {
		return problem
	}
	if expect.Reason == suite.Refused {
		return "should be refused, but was accepted"
	}
	for _, obj := range objects {
		if !suite.IsRun(obj) {
			continue
		}
		condition, err := namespace.Await(ctx, obj)
		called := fmt.Sprintf("%s %q", obj.GetKind(), obj.GetName())
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Sprintf("%s did not end in time: %s", called, condition)
		case err != nil:
			return fmt.Sprintf("%s: %v", called, err)
		}
		if problem := expect.Check(condition); problem != "" {
			return called + ": " + problem
		}
	}
	return ""
}

// create creates the objects until one is refused.
func create(ctx context.Context, namespace Namespace, objects []*unstructured.Unstructured,
	expect suite.Expectation) (refused bool, problem string) {
	for _, obj := range objects {
		err := namespace.Create(ctx, obj)
		var refusal *RefusalError
		switch {
		case errors.As(err, &refusal):
			return true, expect.CheckRefusal(refusal.Message)
		case err != nil:
			return false, fmt.Sprintf("cannot create %s %q: %v", obj.GetKind(), obj.GetName(), err)
		}
	}
	return false, ""
}

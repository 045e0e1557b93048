package pipelinerun

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
)

// loader reads what a plan needs.
type loader struct {
	// read reads a complete TaskRun.
	read reader
	// orphans finds the TaskRuns that are not in the status, by task.
	orphans func(ctx context.Context) (map[string][]Child, error)
	// lease is the reconcile's part of the memory for results.
	lease *budget.Lease
	// loaded are the results that were read.
	loaded *results
}

// reader reads a complete TaskRun from the API server. Gone reports that this TaskRun no longer exists.
type reader func(ctx context.Context, child *v1.TaskRun) (whole *v1.TaskRun, gone bool, err error)

// errBusy means that other reconciles hold all the memory for results. The run retries soon.
var errBusy = errors.New("other runs hold the memory for results")

// complete plans, reads what the plan needs, and plans again, until the plan is complete. The error is errBusy, or one of the
// API server.
func (l *loader) complete(ctx context.Context, in Inputs) (Plan, error) {
	l.loaded, in.Lost = newResults(l.lease), map[string]bool{}
	in.Loaded = l.loaded
	p := plan(in, Plan{})
	for p.Need != nil {
		err := l.load(ctx, &in, p)
		if lost, ok := errors.AsType[*lostError](err); ok {
			// The task has now failed, which may change every decision. Each TaskRun is lost only once.
			in.Lost[lost.taskRun] = true
			l.loaded, p, err = newResults(l.lease), Plan{}, nil
			in.Loaded = l.loaded
		}
		if err != nil {
			return p, err
		}
		p = plan(in, p)
	}
	_, bytes := p.started()
	l.loaded.shrink(bytes, p.Results != nil)
	return p, nil
}

// load reads what a plan needs.
func (l *loader) load(ctx context.Context, in *Inputs, p Plan) error {
	if p.Need.Orphans {
		var err error
		in.Orphans, err = l.orphans(ctx)
		return err
	}
	l.loaded.forget(p.Need.Keep)
	err := l.loaded.load(ctx, l.read, p.Need.Results, byName(p.Tasks))
	if _, tooMuch := errors.AsType[*tooMuchError](err); tooMuch {
		l.loaded.tooMuch[p.Need.Task] = err
		return nil
	}
	return err
}

// lostError is a TaskRun whose results are needed and that no longer exists. The run must not continue as if it had no
// results.
type lostError struct{ task, taskRun string }

func (e *lostError) Error() string {
	return fmt.Sprintf("cannot get results of task %q: TaskRun %q is gone", e.task, e.taskRun)
}

// read is a reader that reads from the API server. The cache has no results, because most are never used again.
func (r *Reconciler) read(ctx context.Context, child *v1.TaskRun) (*v1.TaskRun, bool, error) {
	whole := &v1.TaskRun{}
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: child.Namespace, Name: child.Name}, whole)
	switch {
	case apierrors.IsNotFound(err), err == nil && whole.UID != child.UID:
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("cannot get results of TaskRun %q: %w", child.Name, err)
	}
	return whole, false, nil
}

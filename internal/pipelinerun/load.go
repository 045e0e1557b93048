package pipelinerun

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/budget"
)

// loader reads what a plan needs.
type loader struct {
	// read reads a complete child.
	read reader
	// orphans finds the children that are not in the status, by task.
	orphans func(ctx context.Context) (map[string][]Child, error)
	// lease is the reconcile's part of the memory for results.
	lease *budget.Lease
	// loaded are the results that were read.
	loaded *results
	// reads counts the children that were read.
	reads int
}

// maxReads is after how many reads of children a pass records what it has decided, and ends. The next one continues from there. So a
// pass is short whatever its tasks need, and others have their turns. The results of the pipeline are read in one pass.
const maxReads = 1024

// reader reads a complete child from the API server. Gone reports that this child no longer exists.
type reader func(ctx context.Context, child Run) (whole Run, gone bool, err error)

// errBusy means that other reconciles hold all the memory for results. The run retries soon.
var errBusy = errors.New("other runs hold the memory for results")

// complete plans, reads what the plan needs, and plans again, until the plan is complete. The error is errBusy, or one of the
// API server.
func (l *loader) complete(ctx context.Context, in Inputs) (Plan, error) {
	l.loaded, in.Lost = newResults(l.lease), map[string]bool{}
	in.Loaded = l.loaded
	p := plan(in, Plan{})
	for p.Need != nil {
		if l.reads >= maxReads && p.Need.Task != "" && p.decided(in.Obs.Tasks) {
			p.Need, p.More = nil, true
			break
		}
		err := l.load(ctx, &in, p)
		if lost, ok := errors.AsType[*lostError](err); ok {
			// The task has now failed, which may change every decision. Each child is lost only once.
			in.Lost[childKey(lost.kind, lost.name)] = true
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
	counted := func(ctx context.Context, child Run) (Run, bool, error) {
		l.reads++
		return l.read(ctx, child)
	}
	err := l.loaded.load(ctx, counted, p.Need.Results, byName(p.Tasks))
	if _, tooMuch := errors.AsType[*tooMuchError](err); tooMuch {
		l.loaded.tooMuch[p.Need.Task] = err
		return nil
	}
	return err
}

// lostError is a child whose results are needed and that no longer exists. The run must not continue as if it had no
// results.
type lostError struct{ task, kind, name string }

// childKey identifies a child within its run. Children of two kinds can have the same name.
func childKey(kind, name string) string { return kind + "/" + name }

func (e *lostError) Error() string {
	return fmt.Sprintf("cannot get results of task %q: %s %q is gone", e.task, e.kind, e.name)
}

// read is a reader that reads from the API server. The cache has no results, because most are never used again.
func (r *Reconciler) read(ctx context.Context, child Run) (Run, bool, error) {
	whole := child.Kind().New()
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: child.GetNamespace(), Name: child.GetName()}, whole.Object())
	switch {
	case apierrors.IsNotFound(err), err == nil && whole.GetUID() != child.GetUID():
		return nil, true, nil
	case err != nil:
		return nil, false, fmt.Errorf("cannot get results of %s %q: %w", child.Kind().Name(), child.GetName(), err)
	}
	return whole, false, nil
}

package logreader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

const (
	// again is the pause before a log is requested again.
	again = 500 * time.Millisecond
	// linger is the default of Reader.Linger.
	linger = 5 * time.Second
	// lastRead is the maximum time for reading the rest of a log that did not end.
	lastRead = 10 * time.Second
)

// Board holds the latest state of a TaskRun for the readers of its logs.
type Board struct {
	mutex   sync.Mutex
	run     *v1.TaskRun
	closed  bool
	changed chan struct{}
}

// NewBoard returns a Board with the current state of a TaskRun.
func NewBoard(tr *v1.TaskRun) *Board { return &Board{run: tr, changed: make(chan struct{})} }

// Set replaces the state.
func (b *Board) Set(tr *v1.TaskRun) { b.update(func() { b.run = tr }) }

// Close marks the state as the last one.
func (b *Board) Close() { b.update(func() { b.closed = true }) }

func (b *Board) update(do func()) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	do()
	close(b.changed)
	b.changed = make(chan struct{})
}

// get returns the state, whether it is the last one, and a channel that is closed when a newer state exists.
func (b *Board) get() (tr *v1.TaskRun, last bool, changed <-chan struct{}) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.run, b.closed || b.run.Status.Done(), b.changed
}

// wait returns the first state for which enough is true, or the last state.
func (b *Board) wait(ctx context.Context, enough func(*v1.TaskRun) bool) (*v1.TaskRun, bool, error) {
	for {
		tr, last, changed := b.get()
		if last || enough(tr) {
			return tr, last, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-changed:
		}
	}
}

// Follow emits the lines of the logs of a TaskRun while they are written, attempt by attempt and step by step, until the run has
// ended and all lines are read.
func (r *Reader) Follow(ctx context.Context, task string, board *Board) error {
	read := 0
	for {
		tr, last, err := board.wait(ctx, func(tr *v1.TaskRun) bool { return len(attemptsOf(tr)) > read })
		if err != nil {
			return err
		}
		attempts := attemptsOf(tr)
		if read < len(attempts) {
			if err := r.followAttempt(ctx, task, board, read); err != nil {
				return err
			}
			read++
			continue
		}
		if last {
			return nil
		}
	}
}

// followAttempt emits the logs of one pod.
func (r *Reader) followAttempt(ctx context.Context, task string, board *Board, index int) error {
	for i := 0; ; i++ {
		// Wait until the step has a log, or the attempt has ended without one.
		tr, _, err := board.wait(ctx, func(tr *v1.TaskRun) bool {
			a, ok := attemptAt(tr, index)
			return !ok || a.over || i < len(a.steps) && begun(&a.steps[i])
		})
		if err != nil {
			return err
		}
		a, ok := attemptAt(tr, index)
		if !ok || i >= len(a.steps) {
			return nil
		}
		step := &a.steps[i]
		if !begun(step) || r.Selection.Step != "" && step.Name != r.Selection.Step {
			continue
		}
		from := origin{tr.Namespace, a.pod, container(step), Line{Task: task, Step: step.Name, Attempt: a.number}}
		if gone, err := r.followStep(ctx, from, board, index); err != nil || gone {
			return err
		}
	}
}

func attemptAt(tr *v1.TaskRun, index int) (attempt, bool) {
	all := attemptsOf(tr)
	if index >= len(all) {
		return attempt{}, false
	}
	return all[index], true
}

// followStep emits one log to its end, and reconnects after lost connections. It reports whether the pod is gone.
func (r *Reader) followStep(ctx context.Context, from origin, board *Board, index int) (gone bool, err error) {
	m := &mark{}
	bounded, cancel := r.untilOver(ctx, board, index)
	defer cancel()
	for {
		err := r.read(bounded, from, m, true)
		switch {
		case err == nil:
			return false, nil
		case ctx.Err() != nil:
			return false, ctx.Err()
		case apierrors.IsNotFound(err):
			r.Gone(fmt.Sprintf("pod %s does not exist any more, so the log of step %s is lost", from.pod, from.line.Step))
			return true, nil
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return false, fmt.Errorf("cannot read the log of step %q in pod %q: %w", from.line.Step, from.pod, err)
		case bounded.Err() != nil:
			return false, r.readRest(ctx, from, m)
		}
		_ = pause(bounded) // if the context has ended, the next read returns its error
	}
}

// readRest reads the rest of a log that did not end. It gives up after lastRead and reports that.
func (r *Reader) readRest(ctx context.Context, from origin, m *mark) error {
	ctx, cancel := context.WithTimeout(ctx, lastRead)
	defer cancel()
	for {
		err := r.read(ctx, from, m, false)
		if err == nil || apierrors.IsBadRequest(err) {
			return nil
		}
		if apierrors.IsNotFound(err) || pause(ctx) != nil {
			r.Gone(fmt.Sprintf("the log of step %s in pod %s cannot be read to its end: %v", from.line.Step, from.pod, err))
			return nil
		}
	}
}

// pause waits before a log is requested again.
func pause(ctx context.Context) error {
	wait := time.NewTimer(again)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// untilOver returns a context that ends shortly after the attempt.
func (r *Reader) untilOver(ctx context.Context, board *Board, index int) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithCancel(ctx)
	go func() {
		_, _, err := board.wait(bounded, func(tr *v1.TaskRun) bool {
			a, ok := attemptAt(tr, index)
			return !ok || a.over
		})
		if errors.Is(err, context.Canceled) {
			return
		}
		timer := time.NewTimer(cmp.Or(r.Linger, linger))
		defer timer.Stop()
		select {
		case <-bounded.Done():
		case <-timer.C:
			cancel()
		}
	}()
	return bounded, cancel
}

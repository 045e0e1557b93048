package logs

import (
	"context"
	"errors"
	"sync"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/logreader"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// Selection selects logs by task and step.
type Selection struct {
	// Task is a task of the pipeline, and Step a step. An empty name selects all.
	Task, Step string
}

// Follower follows the logs of all TaskRuns of a run at once.
type Follower struct {
	reader    *logreader.Reader
	selection Selection
	boards    map[string]*logreader.Board
	work      sync.WaitGroup
	mutex     sync.Mutex
	errs      []error
}

// NewFollower returns a Follower that prints to p.
func NewFollower(c *cluster.Cluster, selection Selection, p *Printer) *Follower {
	return &Follower{
		reader: &logreader.Reader{
			Pods: c.Kube.CoreV1(), Selection: logreader.Selection{Step: selection.Step}, Emit: p.Print, Gone: p.Note,
		},
		selection: selection,
		boards:    map[string]*logreader.Board{},
	}
}

// See takes the present state of the run, and follows the logs of new TaskRuns.
func (f *Follower) See(ctx context.Context, s runs.Snapshot) {
	for _, leaf := range s.Leaves() {
		if board, ok := f.boards[leaf.TaskRun.Name]; ok {
			board.Set(leaf.TaskRun)
			continue
		}
		if leaf.Matches(f.selection.Task) {
			f.start(ctx, leaf.Name, leaf.TaskRun)
		}
	}
}

func (f *Follower) start(ctx context.Context, task string, tr *v1.TaskRun) {
	board := logreader.NewBoard(tr)
	f.boards[tr.Name] = board
	f.work.Go(func() {
		if err := f.reader.Follow(ctx, task, board); err != nil && !errors.Is(err, context.Canceled) {
			f.mutex.Lock()
			defer f.mutex.Unlock()
			f.errs = append(f.errs, err)
		}
	})
}

// Close waits until every log is read completely. It returns the errors of all of them.
func (f *Follower) Close() error {
	for _, board := range f.boards {
		board.Close()
	}
	f.work.Wait()
	return errors.Join(f.errs...)
}

// Follow prints the logs of a run while its steps write them. It returns after the run has ended and every line is printed.
func Follow(ctx context.Context, c *cluster.Cluster, r runs.Run, selection Selection, p *Printer) error {
	f := NewFollower(c, selection, p)
	err := runs.Watch(ctx, c, r, func(s runs.Snapshot) error {
		f.See(ctx, s)
		return nil
	})
	return errors.Join(err, f.Close())
}

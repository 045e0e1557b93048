package run

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/explain"
	"github.com/sluice-ci/sluice/internal/cli/cmd/logs"
	"github.com/sluice-ci/sluice/internal/cli/resultview"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/table"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/cli/tree"
)

// unseen is how long a run may have no status before the command prints a hint. A working controller needs less than a
// second.
const unseen = 15 * time.Second

// view shows the progress of a run.
type view interface {
	// see shows a new state of the run.
	see(s runs.Snapshot)
	// close is called once, after the last state.
	close() error
}

// watch shows a run until it has ended, and returns its last state.
func (o *Options) watch(ctx context.Context, c *cluster.Cluster, r runs.Run) (runs.Snapshot, error) {
	v := o.view(ctx, c, r)
	var last runs.Snapshot
	var seen atomic.Bool
	timer := time.AfterFunc(unseen, func() {
		if !seen.Load() {
			o.Terminal.Hintf("no controller has started %s yet; check whether there is one: sluice doctor", r.FullName())
		}
	})
	defer timer.Stop()
	err := runs.Watch(ctx, c, r, func(s runs.Snapshot) error {
		last = s
		seen.Store(s.Run.Condition() != nil)
		v.see(s)
		return nil
	})
	if closing := v.close(); err == nil {
		err = closing
	}
	return last, err
}

func (o *Options) view(ctx context.Context, c *cluster.Cluster, r runs.Run) view {
	switch {
	case o.Output != table.Table:
		return silent{}
	case o.Logs:
		p := logs.NewPrinter(o.Terminal, r.TaskRun != nil, true, false)
		return &logged{ctx, logs.NewFollower(c, logs.Selection{}, p)}
	case o.Terminal.Interactive:
		return newLive(o.Terminal, o.Now)
	default:
		return &plain{terminal: o.Terminal, now: o.Now}
	}
}

// silent shows nothing.
type silent struct{}

func (silent) see(runs.Snapshot) {}
func (silent) close() error      { return nil }

// logged prints the output of the steps.
type logged struct {
	ctx      context.Context //nolint:containedctx // see starts the followers, which end with the command
	follower *logs.Follower
}

func (l *logged) see(s runs.Snapshot) { l.follower.See(l.ctx, s) }
func (l *logged) close() error        { return l.follower.Close() }

// plain prints a line for each change.
type plain struct {
	terminal *terminal.Terminal
	now      func() time.Time
	before   tree.Node
}

func (p *plain) see(s runs.Snapshot) {
	after := tree.Of(s, p.now())
	for _, line := range tree.Changes(p.before, after) {
		p.terminal.Printf("%s\n", line)
	}
	p.before = after
}

func (p *plain) close() error { return nil }

// live draws the tree over its previous drawing, at each change and each second.
type live struct {
	terminal *terminal.Terminal
	now      func() time.Time
	stop     chan struct{}
	ticking  sync.WaitGroup

	mutex sync.Mutex
	last  runs.Snapshot
	seen  bool
	drawn int
}

func newLive(t *terminal.Terminal, now func() time.Time) *live {
	l := &live{terminal: t, now: now, stop: make(chan struct{})}
	l.ticking.Go(l.tick)
	return l
}

func (l *live) tick() {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-second.C:
			l.mutex.Lock()
			l.draw(l.terminal.Height - 1)
			l.mutex.Unlock()
		}
	}
}

func (l *live) see(s runs.Snapshot) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.last, l.seen = s, true
	l.draw(l.terminal.Height - 1)
}

// close draws the complete tree for the last time. It may scroll now.
func (l *live) close() error {
	close(l.stop)
	l.ticking.Wait()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.draw(0)
	return nil
}

// draw moves to the first line of the tree. It clears the rest of each line, and everything below the tree.
func (l *live) draw(limit int) {
	if !l.seen {
		return
	}
	lines := tree.Of(l.last, l.now()).Lines(l.terminal, limit)
	text := ""
	if l.drawn > 0 {
		text = terminal.Up(l.drawn)
	}
	for _, line := range lines {
		text += line + terminal.ClearLine + "\n"
	}
	l.terminal.Printf("%s%s", text, terminal.ClearBelow)
	l.drawn = len(lines)
}

// finish prints the results of a run, or the cause of its failure.
func (o *Options) finish(ctx context.Context, c *cluster.Cluster, s runs.Snapshot) {
	took := runs.Spoken(s.Run.Took(o.Now()))
	if all := resultview.NewChecker(c).Check(ctx, resultview.Of(s)); len(all) > 0 {
		o.Terminal.Printf("\n")
		// An error to print to the terminal has no consequence: only users read it.
		_ = resultview.Grid(all).Write(o.Terminal.Out, o.Terminal)
	}
	state := s.Run.State()
	o.Terminal.Printf("\n")
	if state != runs.Succeeded {
		explain.Print(o.Terminal, explain.WithLogs(ctx, c, s), "")
		return
	}
	o.Terminal.Printf("%s after %s\n", o.Terminal.Paint(state.Color(), state.Mark()+" "+s.Run.FullName().String()+" succeeded"), took)
	if len(resultview.Of(s)) > 0 {
		o.Terminal.Hintf("sluice results get %s NAME -o FILE", c.Typed(s.Run.FullName().String(), s.Run.Namespace()))
	}
}

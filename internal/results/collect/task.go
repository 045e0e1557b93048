package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// lastWord is how long a log that is being followed gets, without a new record, once its container has ended. Its
// connection may be dead, or its kubelet may take seconds to close it.
const lastWord = time.Second

// run reads the log of a target until that has succeeded, nothing more can help, or it is stopped.
func (c *Collector) run(ctx context.Context, t *task) {
	if c.follow(ctx, t) {
		c.finish(ctx, t)
	}
}

// follow reads the log while its container runs, and reports whether it is to be read again now that it has ended. It
// does not give up: as long as the container runs, its steps may, too.
func (c *Collector) follow(ctx context.Context, t *task) (again bool) {
	// To be late here costs no more than the moment until the end of the container is known, and it may run for days.
	pauses := newPauses(c.options, c.options.Deadline/2)
	wrong := 0
	for wrong < maxDamaged && c.enter(ctx, t.kick, c.followers) {
		begun := time.Now()
		set, heard, failed := c.read(ctx, t, following)
		c.followers.leave()
		if ctx.Err() != nil {
			return false
		}
		if failed == nil {
			c.succeed(t, set, following)
			return false
		}
		if closed(t.kick) {
			return true // and what that says is worth more
		}
		if failed.kind == corrupt {
			wrong++
		}
		if !heard || failed.kind == corrupt {
			// A log that was followed well and then broke off is not worth a word unless following it again fails.
			c.record(t, Progress{Err: &ReadError{last: failed}})
		}
		if time.Since(begun) > pauses.last {
			pauses.reset()
		}
		if !sleep(ctx, t.kick, pauses.take()) {
			break
		}
	}
	select {
	case <-t.kick:
		return true
	case <-ctx.Done():
		return false
	}
}

// finish reads the log of a container that has ended, whole, until the deadline.
func (c *Collector) finish(ctx context.Context, t *task) {
	if !c.enter(ctx, nil, c.readers) {
		return
	}
	// Whoever had to wait for a turn has lost no time by it.
	tries := newHistory(c.options, time.Now())
	within, cancel := context.WithDeadlineCause(ctx, tries.begun.Add(tries.deadline), errStalled)
	defer cancel()
	for {
		set, _, failed := c.read(within, t, !following)
		c.readers.leave()
		if ctx.Err() != nil {
			return
		}
		if failed == nil {
			c.succeed(t, set, !following)
			return
		}
		pause, giveUp := tries.failed(failed, time.Now())
		if giveUp {
			break
		}
		c.record(t, Progress{Err: tries.err(time.Now(), false)})
		if !sleep(within, nil, pause) || !c.enter(within, nil, c.readers) {
			break
		}
	}
	if ctx.Err() == nil {
		c.options.Meter.Ended(EndReport{Cause: tries.last.kind.String()})
		c.record(t, Progress{Err: tries.err(time.Now(), true), GaveUp: true})
	}
}

// succeed keeps what was read, and wakes the owner.
func (c *Collector) succeed(t *task, set *Set, follow bool) {
	now := time.Now()
	c.options.Meter.Ended(endReport(set, follow, now))
	c.record(t, Progress{Set: set, At: now})
}

// read reads the log once, and reports whether a record was heard.
func (c *Collector) read(ctx context.Context, t *task, follow bool) (set *Set, heard bool, failed *failure) {
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	dog := &watchdog{bite: func() { cut(errStalled) }}
	defer dog.tie()
	if follow {
		go dog.looseAt(t.kick, ctx.Done(), lastWord)
	} else {
		dog.loose(c.options.Stall)
	}
	var log *openLog
	defer func() { c.options.Meter.Read(reportOf(log, follow, failed, context.Cause(ctx))) }()
	// One log that no one has thought of must not end the controller, and with it all runs.
	defer func() {
		if p := recover(); p != nil {
			set, failed = nil, notRead(fmt.Errorf("%w: %v", errPanic, p), nil, nil)
		}
	}()
	body, err := c.source.Open(ctx, Log{
		Namespace: t.target.Namespace, Pod: t.target.Pod, Container: t.target.Container,
		Follow: follow, LimitBytes: limitBytes,
	})
	if err != nil {
		return nil, false, notOpened(err, stoppedBy(ctx))
	}
	log = &openLog{body: body}
	// Closing ends a read that waits.
	defer context.AfterFunc(ctx, log.close)()
	defer log.close()
	set, err = read(log, t.target.Want, follow, func() {
		dog.calm()
		if follow && !heard {
			c.record(t, Progress{}) // whatever was wrong before is over
		}
		heard = true
	})
	if err != nil {
		return nil, heard, notRead(err, log.err, stoppedBy(ctx))
	}
	return set, heard, nil
}

// stoppedBy is why a read was stopped by its watchdog or the deadline; nil when neither did.
func stoppedBy(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return nil
}

// reportOf is what a read has come to; log is nil when it was not given out. One that nobody wanted any more, which cut says,
// has not failed.
func reportOf(log *openLog, follow bool, failed *failure, cut error) ReadReport {
	report := ReadReport{Following: follow}
	if log != nil {
		report.Bytes = log.bytes
	}
	if failed != nil && !errors.Is(cut, context.Canceled) {
		report.Cause = failed.kind.String()
	}
	return report
}

// enter waits for a place, and reports whether it has one; not when stop is closed or ctx ends before.
func (c *Collector) enter(ctx context.Context, stop <-chan struct{}, p *places) bool {
	select {
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	default:
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	select {
	case p.taken <- struct{}{}:
		return true
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// sleep waits for d, and reports whether it did so to the end; not when stop is closed or ctx ends before.
func sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	}
}

// openLog is a log that remembers how reading it failed, and that can be closed by whoever comes first.
type openLog struct {
	body  io.ReadCloser
	once  sync.Once
	err   error
	bytes int64
}

// Read implements io.Reader.
func (l *openLog) Read(p []byte) (int, error) {
	n, err := l.body.Read(p)
	l.bytes += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}

// close closes the log. Its connection is of no use any more, whatever closing it says.
func (l *openLog) close() { l.once.Do(func() { _ = l.body.Close() }) }

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
	defer c.release(t)
	if c.follow(ctx, t) {
		c.finish(ctx, t)
	}
}

// release gives back what a collection that has ended holds. The room of a Set is kept for as long as the Set is.
func (c *Collector) release(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.kept = t.progress.Set != nil && c.tasks[t.target.Key] == t; !t.kept {
		t.queue.lease.End()
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
		set, heard, failed := c.readFollowing(ctx, t)
		c.followers.release()
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
		if errors.Is(failed.err, errManySteps) {
			break
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

// readFollowing follows the log once, and again each time that there was no room for what it holds and there is some now. It
// returns what the last one of these reads has come to, and an error when the container has ended before.
func (c *Collector) readFollowing(ctx context.Context, t *task) (set *Set, heard bool, failed *failure) {
	for {
		set, heard, failed = c.read(ctx, t, following)
		lack := lacksRoom(failed)
		if lack == nil {
			c.opened(t)
			return set, heard, failed
		}
		t.queue.ask(lack, roomOf(c.options.Memory))
		c.pause(t)
		turn := t.queue.wait(ctx, t.kick)
		c.resume(t)
		if !turn {
			return nil, heard, failed
		}
	}
}

// finish reads the log of a container that has ended, whole, until the deadline.
func (c *Collector) finish(ctx context.Context, t *task) {
	tries := newHistory(c.options, time.Now())
	for c.turn(ctx, t, tries) {
		set, failed := c.readFinished(ctx, t, tries)
		if ctx.Err() != nil {
			return
		}
		if lack := lacksRoom(failed); lack != nil {
			t.queue.ask(lack, roomOf(c.options.Memory))
			continue
		}
		c.opened(t)
		if failed == nil {
			c.succeed(t, set, !following)
			return
		}
		pause, giveUp := tries.failed(failed, time.Now())
		if !giveUp {
			c.record(t, Progress{Err: tries.err(time.Now(), false)})
			giveUp = !sleepUntil(ctx, pause, tries.end())
		}
		if giveUp {
			break
		}
	}
	if ctx.Err() == nil {
		c.options.Meter.Ended(EndReport{Cause: tries.last.kind.String()})
		c.record(t, Progress{Err: tries.err(time.Now(), true), GaveUp: true})
	}
}

// turn waits for room, if the read before had none, and then for a place among the readers. It reports whether it has both;
// not when ctx ends before. Whoever has to wait loses no time by it.
func (c *Collector) turn(ctx context.Context, t *task, tries *history) bool {
	c.pause(t)
	turn := t.queue.wait(ctx, nil) && c.enter(ctx, nil, c.readers)
	tries.put(c.resume(t))
	return turn
}

// readFinished reads a finished log once, and leaves the place among the readers.
func (c *Collector) readFinished(ctx context.Context, t *task, tries *history) (*Set, *failure) {
	defer c.readers.release()
	within, cancel := context.WithDeadlineCause(ctx, tries.end(), errStalled)
	defer cancel()
	set, _, failed := c.read(within, t, !following)
	return set, failed
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
	dog := &watchdog{onTimeout: func() { cut(errStalled) }}
	defer dog.stop()
	if follow {
		go dog.startAt(t.kick, ctx.Done(), lastWord)
	} else {
		dog.start(c.options.Stall)
	}
	held := c.newHold(t, follow, dog)
	defer func() { held.end(failed == nil) }()
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
	set, err = read(log, t.target.Want, follow, held, func() {
		dog.reset()
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

// newHold returns what a read holds. From when it holds room, a read has as much time as one of a finished log: room that it
// does not use is room that others wait for.
func (c *Collector) newHold(t *task, follow bool, dog *watchdog) *hold {
	held := &hold{lease: t.queue.lease, most: roomOf(c.options.Memory), decoding: !follow, began: func() {
		dog.start(c.options.Stall)
		dog.bound(c.options.Deadline)
	}}
	if t.queue.lease.Held() > 0 {
		held.begin()
	}
	return held
}

// stoppedBy is why a read was stopped by its watchdog or the deadline; nil when neither did.
func stoppedBy(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return nil
}

// reportOf is what a read has come to; log is nil when it was not given out. One that nobody wanted any more, which cut says,
// has not failed, and neither has one without room.
func reportOf(log *openLog, follow bool, failed *failure, cut error) ReadReport {
	report := ReadReport{Following: follow}
	if log != nil {
		report.Bytes = log.bytes
	}
	if failed != nil && !withheld(failed.err) && !errors.Is(cut, context.Canceled) {
		report.Cause = failed.kind.String()
	}
	return report
}

// enter waits for a place, and reports whether it has one; not when stop is closed or ctx ends before.
func (c *Collector) enter(ctx context.Context, stop <-chan struct{}, p *semaphore) bool {
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

// sleepUntil waits for d, and reports whether it did so to the end; not when ctx or the time for it ends before.
func sleepUntil(ctx context.Context, d time.Duration, end time.Time) bool {
	left := time.Until(end)
	return sleep(ctx, nil, min(d, left)) && d < left
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

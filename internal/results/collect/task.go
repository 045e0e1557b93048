package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// lastWord is how long a followed log may be without a new record after its container has ended. Its connection may be dead,
// or the kubelet may need seconds to close it.
const lastWord = time.Second

// run reads the log of a target until it succeeds, until there is no further try, or until it is stopped.
func (c *Collector) run(ctx context.Context, t *task) {
	defer c.release(t)
	if c.follow(ctx, t) {
		c.finish(ctx, t)
	}
}

// release releases what an ended collection holds. The memory of a Set stays reserved as long as the Set exists.
func (c *Collector) release(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.kept = t.progress.Set != nil && c.tasks[t.target.Key] == t; !t.kept {
		t.queue.lease.End()
	}
}

// follow reads the log while its container runs, and reports whether it must be read again after the container has ended. It
// does not give up, because while the container runs its steps may run too.
func (c *Collector) follow(ctx context.Context, t *task) (again bool) {
	// A delay here costs only the time until the end of the container is known, and the container may run for days.
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
			return true // which reads the complete log
		}
		if errors.Is(failed.err, errManySteps) {
			break
		}
		if failed.kind == corrupt {
			wrong++
		}
		if !heard || failed.kind == corrupt {
			// A broken connection is not reported unless the next try to follow fails too.
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

// readFollowing follows the log once, and again each time that it had no room and then gets room. It returns the outcome of
// the last read, and an error if the container ends before.
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

// finish reads the complete log of an ended container, until the deadline.
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

// turn waits for room, if the previous read had none, and then for a place among the readers. It reports whether it has both;
// it returns false if ctx ends before. The wait does not count against the deadline.
func (c *Collector) turn(ctx context.Context, t *task, tries *history) bool {
	c.pause(t)
	turn := t.queue.wait(ctx, nil) && c.enter(ctx, nil, c.readers)
	tries.put(c.resume(t))
	return turn
}

// readFinished reads a finished log once, and then frees the place among the readers.
func (c *Collector) readFinished(ctx context.Context, t *task, tries *history) (*Set, *failure) {
	defer c.readers.release()
	within, cancel := context.WithDeadlineCause(ctx, tries.end(), errStalled)
	defer cancel()
	set, _, failed := c.read(within, t, !following)
	return set, failed
}

// succeed stores the Set, and wakes the owner.
func (c *Collector) succeed(t *task, set *Set, follow bool) {
	now := time.Now()
	c.options.Meter.Ended(endReport(set, follow, now))
	c.record(t, Progress{Set: set, At: now})
}

// read reads the log once, and reports whether there was a record.
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
	// A panic over one unexpected log must not end the controller, and with it all runs.
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
	// Closing the log unblocks a read.
	defer context.AfterFunc(ctx, log.close)()
	defer log.close()
	set, err = read(log, t.target.Want, follow, held, func() {
		dog.reset()
		if follow && !heard {
			c.record(t, Progress{}) // earlier errors are obsolete
		}
		heard = true
	})
	if err != nil {
		return nil, heard, notRead(err, log.err, stoppedBy(ctx))
	}
	return set, heard, nil
}

// newHold returns the memory of a read. After it reserves room, a followed read has the same time limit as a read of a
// finished log, because others wait for that room.
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

// stoppedBy returns why the watchdog or the deadline stopped a read; nil if neither did.
func stoppedBy(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, errStalled) {
		return cause
	}
	return nil
}

// reportOf returns the report of a read. Log is nil if it could not be opened. A read that was no longer needed, which cut
// shows, has not failed, and neither has one without room.
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

// enter waits for a place, and reports whether it has one. It returns false if stop is closed or ctx ends before.
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

// sleep waits for d. It returns false if stop is closed or ctx ends before.
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

// sleepUntil waits for d. It returns false if ctx or the time for it ends before.
func sleepUntil(ctx context.Context, d time.Duration, end time.Time) bool {
	left := time.Until(end)
	return sleep(ctx, nil, min(d, left)) && d < left
}

// openLog is a log that stores its read error, and that several goroutines may close.
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

// close closes the log. Its error is irrelevant, because the connection is no longer used.
func (l *openLog) close() { l.once.Do(func() { _ = l.body.Close() }) }

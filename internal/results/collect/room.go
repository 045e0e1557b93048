package collect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// Memory is how many bytes all collections may reserve together, and memoryShare how many those of one namespace may.
const (
	Memory      = 32 << 20
	memoryShare = Memory / 2
)

const (
	// DefaultMaxFollowers is how many logs are followed at the same time by default.
	DefaultMaxFollowers = 500
	// FollowerMemory is what a log that is followed takes besides what it reserves, in bytes: buffers, stacks, and the
	// records of a few steps.
	FollowerMemory = 48 << 10
)

const (
	// copies is how often a byte of a Set is in memory at most: decoded, as a text of the status, and as JSON, once while it
	// is encoded and once more when it is sent.
	copies = 4
	// maxSet is what one Set may reserve at most, in bytes. It holds the largest results that an object can have. The rest is
	// for what the steps and their signatures say, of which an object has no room for as much.
	maxSet = copies*results.ObjectLimit + 8<<20
	// recordBytes is what a record takes besides its texts, in bytes.
	recordBytes = 256
	// freeBytes is how much the records of steps take without a reservation while a log is followed, in bytes: those of 25
	// steps. They come while other steps run, perhaps for hours, and nobody may hold room for so long.
	freeBytes = copies * 8 << 10
	// moreBytes is by how much more than it lacked a read asks for, at least, in bytes.
	moreBytes = 256 << 10
)

// unbounded returns a hold without a limit, which counts nothing.
func unbounded() *hold { return &hold{most: math.MaxInt64, decoding: true} }

// NewMemory returns the budget that all collections share.
func NewMemory() *budget.Budget { return budget.NewShared(Memory, memoryShare) }

// noRoomError says that a read has found no room for what it would hold, and how many bytes that is.
type noRoomError struct{ needed int64 }

// errManySteps says that a log which is followed has more records of steps than a follower may hold.
var errManySteps = errors.New("the log has the records of many steps, and is read when the container has ended")

func (e *noRoomError) Error() string {
	return fmt.Sprintf("there is no room for %d bytes of results", e.needed)
}

// hold is what one read keeps of a log. It reserves room before it keeps anything.
type hold struct {
	lease *budget.Lease
	// most is how many bytes it may reserve.
	most int64
	// began is called once, when the read holds room for the first time.
	began func()
	// decoding says that the log has more to say than how steps have ended, or that it is finished.
	decoding bool

	bytes int64
}

// value reserves room for bytes that are about to be decoded. Package frame calls it.
func (h *hold) value(bytes int64) error { return h.grow(bytes, true) }

// record reserves room for a record, besides the bytes of its value.
func (h *hold) record(r frame.Record) error {
	switch r := r.(type) {
	case frame.Intro:
		return nil
	case frame.Step:
		return h.grow(int64(recordBytes+len(r.Name)+len(r.Message)), false)
	case frame.Problem:
		return h.grow(int64(recordBytes+len(r.Result)+len(r.Detail)), true)
	default:
		return h.grow(recordBytes, true)
	}
}

func (h *hold) grow(bytes int64, decoding bool) error {
	if h.bytes += copies * bytes; h.bytes > h.most-frame.DecoderBytes {
		return fmt.Errorf("%w: it takes more than %d bytes of memory", frame.ErrTooLarge, h.most)
	}
	switch h.decoding = h.decoding || decoding; {
	case !h.decoding && h.bytes <= freeBytes:
		return nil
	case !h.decoding:
		return errManySteps
	}
	h.begin()
	if needed := h.bytes + frame.DecoderBytes; !h.lease.Grow(needed) {
		return &noRoomError{needed}
	}
	return nil
}

// begin notes that the read holds room, or is about to.
func (h *hold) begin() {
	if h.began != nil {
		h.began()
		h.began = nil
	}
}

// end gives back what is not held after the read: all of it, unless there is a Set.
func (h *hold) end(whole bool) {
	if whole {
		h.lease.Shrink(h.bytes)
		return
	}
	h.lease.End()
}

// queue is where a collection stands among those that wait for room. Its goroutine uses it.
type queue struct {
	lease *budget.Lease
	// turn is closed when the lease has what was asked for; nil while nothing is.
	turn <-chan struct{}
	// waiting counts the collections that wait.
	waiting *atomic.Int64
}

// ask takes a place for what a read lacked room for. It asks for half as much again, and for all that there can be in the
// end, so that only few reads lack room.
func (q *queue) ask(lack *noRoomError, most int64) {
	q.turn = q.lease.Ask(min(lack.needed+max(lack.needed/2, moreBytes), most))
}

// wait waits for the turn, if there is one to wait for, and reports whether it has come; not when stop is closed or ctx ends
// before. The place is kept then.
func (q *queue) wait(ctx context.Context, stop <-chan struct{}) bool {
	if q.turn == nil {
		return true
	}
	q.waiting.Add(1)
	defer q.waiting.Add(-1)
	select {
	case <-q.turn:
		q.turn = nil
		return true
	case <-stop:
		return false
	case <-ctx.Done():
		return false
	}
}

// roomOf returns how many bytes one Set may reserve: never more than a budget has for one.
func roomOf(memory *budget.Budget) int64 { return min(maxSet, memory.Most()) }

// lacksRoom returns the error of a read that has found no room, or nil.
func lacksRoom(failed *failure) *noRoomError {
	if failed == nil {
		return nil
	}
	lack, _ := errors.AsType[*noRoomError](failed.err)
	return lack
}

// pause notes that a collection waits for its turn or for room, while there are results to be read, until resume.
func (c *Collector) pause(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.unread, t.paused = true, time.Now()
}

// resume notes that a collection does not wait any more, and returns how long it has waited since pause.
func (c *Collector) resume(t *task) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.paused.IsZero() {
		return 0
	}
	waited := time.Since(t.paused)
	t.waited += waited
	t.paused = time.Time{}
	return waited
}

// opened notes that a log was read, whatever has come of that.
func (c *Collector) opened(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.unread = false
}

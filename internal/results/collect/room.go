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

// Memory is the limit for the reservations of all collections together, and memoryShare for those of one namespace.
const (
	Memory      = 32 << 20
	memoryShare = Memory / 2
)

const (
	// DefaultMaxFollowers is the default number of logs that are followed at the same time.
	DefaultMaxFollowers = 500
	// FollowerMemory is what a followed log takes in addition to its reservation, in bytes: buffers, stacks, and the records
	// of a few steps.
	FollowerMemory = 48 << 10
)

const (
	// copies is the maximum number of copies of a byte of a Set in memory: decoded, as a text of the status, and as JSON,
	// once while it is encoded and once while it is sent.
	copies = 4
	// maxSet is the maximum reservation of one Set, in bytes. It includes the largest results that an object can have. The
	// rest is for records of steps and their signatures, which are larger than an object has room for.
	maxSet = copies*results.ObjectLimit + 8<<20
	// recordBytes is the memory of a record without its texts, in bytes.
	recordBytes = 256
	// freeBytes is the memory in bytes that records of steps take without a reservation while a log is followed: those of 25
	// steps. Other steps may run for hours after them, and no collection may reserve memory for so long.
	freeBytes = copies * 8 << 10
	// moreBytes is the minimum additional bytes that a read asks for beyond what it lacked.
	moreBytes = 256 << 10
)

// unbounded returns a hold without a limit, which counts nothing.
func unbounded() *hold { return &hold{most: math.MaxInt64, decoding: true} }

// NewMemory returns the budget of all collections.
func NewMemory() *budget.Budget { return budget.NewShared(Memory, memoryShare) }

// noRoomError means that a read had no room for its content, and has the number of bytes it needs.
type noRoomError struct{ needed int64 }

// errManySteps means that a followed log has more records of steps than a follower may hold.
var errManySteps = errors.New("the log has the records of many steps, and is read when the container has ended")

func (e *noRoomError) Error() string {
	return fmt.Sprintf("there is no room for %d bytes of results", e.needed)
}

// hold is the memory of one read. It reserves room before it keeps anything.
type hold struct {
	lease *budget.Lease
	// most is the maximum reservation in bytes.
	most int64
	// began is called once, when the read first reserves room.
	began func()
	// decoding reports that the log has records other than those of steps, or that it is finished.
	decoding bool

	bytes int64
}

// value reserves room for bytes before package frame decodes them.
func (h *hold) value(bytes int64) error { return h.grow(bytes, true) }

// record reserves room for a record without the bytes of its value.
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

// begin records that the read has reserved room, or is about to.
func (h *hold) begin() {
	if h.began != nil {
		h.began()
		h.began = nil
	}
}

// end releases everything after the read that is not part of a Set.
func (h *hold) end(whole bool) {
	if whole {
		h.lease.Shrink(h.bytes)
		return
	}
	h.lease.End()
}

// queue is the place of a collection among those that wait for room. Only its goroutine uses it.
type queue struct {
	lease *budget.Lease
	// turn is closed when the lease has the requested room; nil without a request.
	turn <-chan struct{}
	// waiting counts the waiting collections.
	waiting *atomic.Int64
}

// ask requests the room that a read lacked. It requests half as much in addition, or the maximum, so that few reads lack room
// again.
func (q *queue) ask(lack *noRoomError, most int64) {
	q.turn = q.lease.Ask(min(lack.needed+max(lack.needed/2, moreBytes), most))
}

// wait waits for the turn, if there is one, and reports whether it has come. It returns false if stop is closed or ctx ends
// before; the place is then kept.
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

// roomOf returns the maximum bytes of one Set, within the maximum of the budget.
func roomOf(memory *budget.Budget) int64 { return min(maxSet, memory.Most()) }

// lacksRoom returns the error of a read that had no room, or nil.
func lacksRoom(failed *failure) *noRoomError {
	if failed == nil {
		return nil
	}
	lack, _ := errors.AsType[*noRoomError](failed.err)
	return lack
}

// pause starts a wait of a collection for its turn or for room, while there are results to read.
func (c *Collector) pause(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.unread, t.paused = true, time.Now()
}

// resume ends a wait, and returns its duration since pause.
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

// opened records that a log was read, whatever the outcome.
func (c *Collector) opened(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.unread = false
}

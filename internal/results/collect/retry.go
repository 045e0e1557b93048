package collect

import (
	"math/rand/v2"
	"time"
)

// maxDamaged is how often a log is read that is whole and wrong. Once could be a log that was rotated while it was read.
const maxDamaged = 2

// minIncomplete is how often a finished log is read, at least, that has no end record, however long each read takes.
const minIncomplete = 3

// pauses are the waits between one attempt and the next: each up to twice as long as the one before, and never the same
// for many at once, so that a kubelet that comes back is not asked by all in the same moment.
type pauses struct {
	first, last time.Duration
	// next is the upper bound of the next one.
	next time.Duration
	// random returns a number from 0 up to and without n.
	random func(n time.Duration) time.Duration
}

// newPauses begins with o.Backoff and goes up to longest, or stays at o.Backoff if that is more.
func newPauses(o Options, longest time.Duration) pauses {
	return pauses{first: o.Backoff, last: max(o.Backoff, longest), next: o.Backoff, random: rand.N[time.Duration]}
}

// take returns the next pause: at least half of its bound, and less than its bound.
func (p *pauses) take() time.Duration {
	bound := p.next
	p.next = min(2*bound, p.last)
	return bound - bound/2 + p.random(max(bound/2, 1))
}

// reset makes the next pause a short one.
func (p *pauses) reset() { p.next = p.first }

// history is what has been tried to read the log of a container that has ended.
type history struct {
	settle, deadline time.Duration
	begun            time.Time
	pauses           pauses
	reads            int
	counts           [kinds]int
	last             *failure
	// row is how many reads in a row found the log without an end record, and since the first of them.
	row   int
	since time.Time
}

func newHistory(o Options, now time.Time) *history {
	return &history{settle: o.Settle, deadline: o.Deadline, begun: now, pauses: newPauses(o, o.Deadline/20)}
}

// end is when nothing more is tried.
func (h *history) end() time.Time { return h.begun.Add(h.deadline) }

// put moves everything to later by the time that was spent on waiting for a turn.
func (h *history) put(later time.Duration) {
	h.begun, h.since = h.begun.Add(later), h.since.Add(later)
}

// failed notes a read that failed and returns how long to wait before the next one, or that there shall be none.
func (h *history) failed(f *failure, now time.Time) (pause time.Duration, giveUp bool) {
	h.reads++
	h.counts[f.kind]++
	late := now.Sub(h.begun) >= h.deadline
	if !late || f.kind != stalled || h.last == nil {
		// A read that was cut off at the deadline says less than the one before.
		h.last = f
	}
	if f.kind != incomplete {
		h.row = 0
	} else if h.row++; h.row == 1 {
		h.since = now
	}
	if late || h.counts[corrupt] >= maxDamaged {
		return 0, true
	}
	pause = h.pauses.take()
	if h.row == 0 {
		return pause, false
	}
	// A container that was killed has no end record, and never will have one. Its kubelet and runtime get a moment to
	// write what they still hold; the last read is at the end of it.
	left := h.settle - now.Sub(h.since)
	if left <= 0 && h.row >= minIncomplete {
		return 0, true
	}
	if left > 0 {
		pause = min(pause, left)
	}
	return pause, false
}

// err is what the reads so far have come to.
func (h *history) err(now time.Time, final bool) error {
	return &ReadError{Reads: h.reads, Over: now.Sub(h.begun), Final: final, last: h.last, counts: h.counts}
}

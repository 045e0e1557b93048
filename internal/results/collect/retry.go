package collect

import (
	"math/rand/v2"
	"time"
)

// maxDamaged is the number of reads of a complete but invalid log. One failure can be due to a log that was rotated during
// the read.
const maxDamaged = 2

// minIncomplete is the minimum number of reads of a finished log without an end record, however long each takes.
const minIncomplete = 3

// pauses are the delays between tries. Each is up to twice as long as the previous one. Jitter prevents that all collections
// read at the same time when a kubelet becomes available again.
type pauses struct {
	first, last time.Duration
	// next is the upper bound of the next delay.
	next time.Duration
	// random returns a random number in [0, n).
	random func(n time.Duration) time.Duration
}

// newPauses starts with o.Backoff and increases up to longest, or stays at o.Backoff if that is longer.
func newPauses(o Options, longest time.Duration) pauses {
	return pauses{first: o.Backoff, last: max(o.Backoff, longest), next: o.Backoff, random: rand.N[time.Duration]}
}

// take returns the next delay: at least half of its bound, and less than its bound.
func (p *pauses) take() time.Duration {
	bound := p.next
	p.next = min(2*bound, p.last)
	return bound - bound/2 + p.random(max(bound/2, 1))
}

// reset makes the next delay a short one.
func (p *pauses) reset() { p.next = p.first }

// history is the tries to read the log of an ended container.
type history struct {
	settle, deadline time.Duration
	begun            time.Time
	pauses           pauses
	reads            int
	counts           [kinds]int
	last             *failure
	// row is the number of consecutive reads without an end record, and since the time of the first of them.
	row   int
	since time.Time
}

func newHistory(o Options, now time.Time) *history {
	return &history{settle: o.Settle, deadline: o.Deadline, begun: now, pauses: newPauses(o, o.Deadline/20)}
}

// end is the time after which there is no further try.
func (h *history) end() time.Time { return h.begun.Add(h.deadline) }

// put moves all times by a time that was spent waiting for a turn.
func (h *history) put(later time.Duration) {
	h.begun, h.since = h.begun.Add(later), h.since.Add(later)
}

// failed records a failed read and returns the delay before the next one, or that there is none.
func (h *history) failed(f *failure, now time.Time) (pause time.Duration, giveUp bool) {
	h.reads++
	h.counts[f.kind]++
	late := now.Sub(h.begun) >= h.deadline
	if !late || f.kind != stalled || h.last == nil {
		// A read that was aborted at the deadline says less than the previous one.
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
	// A killed container never writes an end record. Its kubelet and runtime may still have data to write, so the last read
	// is at the end of the settle time.
	left := h.settle - now.Sub(h.since)
	if left <= 0 && h.row >= minIncomplete {
		return 0, true
	}
	if left > 0 {
		pause = min(pause, left)
	}
	return pause, false
}

// err returns the outcome of the reads so far.
func (h *history) err(now time.Time, final bool) error {
	return &ReadError{Reads: h.reads, Over: now.Sub(h.begun), Final: final, last: h.last, counts: h.counts}
}

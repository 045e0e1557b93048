package cloudevents

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
)

const (
	// maxBatched is the maximum number of runs in batches. The records of further runs get no stamp.
	maxBatched = 20000
	// markPatience is how long a run waits for the mark. After that its own record says that its events have been sent.
	markPatience = 30 * time.Second
	// askAfter is the time after which a run is read, if the answer to its last write does not say whether it was stored. After
	// answerLimit it will not be stored any more: the API server ends each request within a minute.
	askAfter, answerLimit = 10 * time.Second, 2 * time.Minute
	// writeLimit is the time after which a write has ended, also if its reconcile does not say so because it has panicked.
	writeLimit = 10 * time.Minute
	// askAtOnce is how many of these runs are read in one pass.
	askAtOnce = 20
)

// progress is how far the end of a run has come.
type progress int

const (
	// isWriting: the write that ends the run is under way.
	isWriting progress = iota
	// isUnclear: the write has ended with an error, and may be stored.
	isUnclear
	// isStored: it is stored. The events of the run are due.
	isStored
	// isSent: no event is due any more. The run waits for the mark.
	isSent
)

// member is a run in a batch.
type member struct {
	ref   Ref
	stamp mark.Stamp
	progress
	// since is when it has come so far.
	since time.Time
}

// batches are the runs whose ends this process writes, in the batches of their stamps. A run is in its batch before the write, so
// that a batch never seems to be complete while a write is under way. It is safe for concurrent use.
type batches struct {
	mu sync.Mutex
	// epoch of this process; 0 until it has one: no run gets a stamp.
	epoch int64
	// open is the number of the batch to which runs are added, and used reports that it has some.
	open int
	used bool
	// pending is how many runs of a batch have events that are due, or may have.
	pending map[int]int
	members map[types.UID]*member
	limit   int
}

func newBatches() *batches {
	return &batches{open: 1, pending: map[int]int{}, members: map[types.UID]*member{}, limit: maxBatched}
}

// begin begins to give stamps.
func (b *batches) begin(epoch int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.epoch = epoch
}

// join returns the stamp for a write that ends a run; zero if there is none. An earlier try of the same write may still be stored, so
// that the run keeps its stamp.
func (b *batches) join(ref Ref, now time.Time) mark.Stamp {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.members[ref.UID]; m != nil {
		if m.progress == isUnclear {
			m.progress, m.since = isWriting, now
		}
		return m.stamp
	}
	if b.epoch == 0 || len(b.members) >= b.limit {
		return mark.Stamp{}
	}
	m := &member{ref: ref, stamp: mark.Stamp{Epoch: b.epoch, Batch: b.open}, since: now}
	b.members[ref.UID], b.used = m, true
	b.pending[b.open]++
	return m.stamp
}

// ended notes that a write has ended, and that it is unclear whether it is stored.
func (b *batches) ended(uid types.UID, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.members[uid]; m != nil && m.progress == isWriting {
		m.progress, m.since = isUnclear, now
	}
}

// stored notes that a run is stored as ended, with a stamp or without one. A run with another stamp than here is in no batch: its own
// record says what was sent.
func (b *batches) stored(uid types.UID, s mark.Stamp, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m := b.members[uid]; {
	case m == nil:
	case m.stamp != s:
		b.remove(m)
	case m.progress < isStored:
		m.progress, m.since = isStored, now
	}
}

// waits notes that no event is due for a run that is stored with a stamp, and reports whether the run waits for the mark to say so.
func (b *batches) waits(uid types.UID, s mark.Stamp, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.members[uid]
	if m == nil || m.stamp != s {
		return false
	}
	if m.progress != isSent {
		m.progress, m.since = isSent, now
		b.complete(m.stamp.Batch)
	}
	return now.Sub(m.since) < markPatience
}

// complete notes that one run less of a batch is pending.
func (b *batches) complete(batch int) {
	if b.pending[batch]--; b.pending[batch] == 0 {
		delete(b.pending, batch)
	}
}

// next opens the next batch if the open one has runs.
func (b *batches) next() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used {
		b.open++
		b.used = false
	}
}

// last returns the stamp of the last batch up to which no events are due; ok is false if there is none.
func (b *batches) last() (s mark.Stamp, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.open // of those that are not complete
	for batch := range b.pending {
		first = min(first, batch)
	}
	return mark.Stamp{Epoch: b.epoch, Batch: first - 1}, first > 1 && b.epoch > 0
}

// leave removes the runs up to a stamp, which the mark covers, and returns them.
func (b *batches) leave(s mark.Stamp) []types.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []types.UID
	for uid, m := range b.members {
		if m.progress == isSent && m.stamp.Batch <= s.Batch {
			delete(b.members, uid)
			all = append(all, uid)
		}
	}
	return all
}

// overdue returns the runs that have waited too long for the mark.
func (b *batches) overdue(now time.Time) []types.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []types.UID
	for uid, m := range b.members {
		if m.progress == isSent && now.Sub(m.since) >= markPatience {
			all = append(all, uid)
		}
	}
	return all
}

// release removes a run that is stored: its own record says what was sent, or it does not exist any more.
func (b *batches) release(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.members[uid]; m != nil && m.progress >= isStored {
		b.remove(m)
	}
}

// abandon removes a run whose write is not stored, unless there was another one since.
func (b *batches) abandon(of member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.members[of.ref.UID]; m != nil && *m == of {
		b.remove(m)
	}
}

func (b *batches) remove(m *member) {
	if m.progress != isSent {
		b.complete(m.stamp.Batch)
	}
	delete(b.members, m.ref.UID)
}

// unclear returns some of the runs of which it is unclear, and for some time already, whether they are stored: the oldest ones.
func (b *batches) unclear(now time.Time) []member {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []member
	for _, m := range b.members {
		age := now.Sub(m.since)
		if m.progress == isUnclear && age >= askAfter || m.progress == isWriting && age >= writeLimit {
			all = append(all, *m)
		}
	}
	slices.SortFunc(all, func(x, y member) int { return cmp.Or(x.since.Compare(y.since), cmp.Compare(x.ref.UID, y.ref.UID)) })
	return all[:min(len(all), askAtOnce)]
}

// idle returns the runs that are stored.
func (b *batches) idle() []types.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []types.UID
	for uid, m := range b.members {
		if m.progress >= isStored {
			all = append(all, uid)
		}
	}
	return all
}

// size returns the number of runs.
func (b *batches) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.members)
}

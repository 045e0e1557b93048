package cloudevents

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/api/v1beta1"
)

const (
	// maxItems is the maximum number of events in the backlog. Further events stay only in the records of their runs.
	maxItems = 20000
	// maxBytes is the maximum size of their data. Further events have no data here; it is read from the API server again.
	maxBytes = 32 << 20
)

// item is an event that is due.
type item struct {
	numbered

	// at is the time of the change, and since the time from which this replica tries to send the event.
	at, since time.Time
	// body is the data; nil if it must be made from the run in the API server.
	body []byte
}

// entry has what is due for one run.
type entry struct {
	ref Ref
	// items are the events that are due, oldest first.
	items []item
	// done are the numbers of events that need not be sent again, and of which the run does not know that.
	done []int
	// recorded is the record as the run has it; empty if it has none.
	recorded string
	// ended reports that no further event follows.
	ended bool
}

// backlog holds the events that are due, up to limits. It is safe for concurrent use.
type backlog struct {
	mu           sync.Mutex
	runs         map[types.UID]*entry
	items, bytes int
	// limit is the maximum number of items.
	limit int
	// overflow reports that events were left out: they are only in the records of their runs.
	overflow bool
}

func newBacklog() *backlog { return &backlog{runs: map[types.UID]*entry{}, limit: maxItems} }

// add adds events of a run, and reports whether there is anything to do for it. What the given record does not have any more is
// known to the run.
func (b *backlog) add(ref Ref, items []item, recorded string, ended bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.runs[ref.UID]
	if e == nil {
		e = &entry{ref: ref}
	}
	e.recorded, e.ended = recorded, e.ended || ended
	due := parse(recorded)
	e.done = slices.DeleteFunc(e.done, func(n int) bool { return recorded != "" && !due.has(n) })
	for _, one := range items {
		b.put(e, one)
	}
	if len(e.items) == 0 && len(e.done) == 0 {
		delete(b.runs, ref.UID)
		return false
	}
	b.runs[ref.UID] = e
	return true
}

// supplement adds events of which only the record of the run is known. The record may be older than the one that is known here.
func (b *backlog) supplement(ref Ref, items []item, recorded string, ended bool) bool {
	b.mu.Lock()
	e := b.runs[ref.UID]
	if e == nil {
		b.mu.Unlock()
		return b.add(ref, items, recorded, ended)
	}
	defer b.mu.Unlock()
	e.ended = e.ended || ended // the answer about the last write may be lost
	for _, one := range items {
		b.put(e, one)
	}
	return true
}

// put adds an event in its place, unless it is here already.
func (b *backlog) put(e *entry, one item) {
	at, known := slices.BinarySearchFunc(e.items, one.number, func(i item, number int) int { return cmp.Compare(i.number, number) })
	if known || slices.Contains(e.done, one.number) {
		return
	}
	if b.items >= b.limit {
		b.overflow = true
		return
	}
	if b.bytes+len(one.body) > maxBytes {
		one.body = nil
	}
	b.items++
	b.bytes += len(one.body)
	e.items = slices.Insert(e.items, at, one)
}

// next returns the oldest event of a run, and a copy of its entry; ok is false if there is nothing to do for the run.
func (b *backlog) next(uid types.UID) (e entry, first *item, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	found := b.runs[uid]
	if found == nil {
		return entry{}, nil, false
	}
	e = *found
	e.done = slices.Clone(e.done)
	if len(found.items) > 0 {
		first = new(found.items[0])
	}
	return e, first, true
}

// finish notes that the event with a number need not be sent again.
func (b *backlog) finish(uid types.UID, number int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.runs[uid]
	if e == nil {
		return
	}
	e.items = slices.DeleteFunc(e.items, func(i item) bool {
		if i.number != number {
			return false
		}
		b.items--
		b.bytes -= len(i.body)
		return true
	})
	e.done = append(e.done, number)
}

// doneOf returns the numbers that are done and that the run does not know.
func (b *backlog) doneOf(uid types.UID) []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.runs[uid]; e != nil {
		return slices.Clone(e.done)
	}
	return nil
}

// settle notes that the run knows of events that are done, by the record that it now has instead of the one before. An entry without
// anything to do is dropped; settle reports whether there is none.
func (b *backlog) settle(uid types.UID, done []int, before, recorded string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.runs[uid]
	if e == nil {
		return true
	}
	if e.recorded == before { // otherwise the reconciler has stored a later one
		e.recorded = recorded
	}
	e.done = slices.DeleteFunc(e.done, func(n int) bool { return slices.Contains(done, n) })
	if len(e.items) > 0 || len(e.done) > 0 {
		return false
	}
	delete(b.runs, uid)
	return true
}

// cover drops a run of which the mark says that all was sent.
func (b *backlog) cover(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.runs[uid]; e != nil && len(e.items) == 0 {
		delete(b.runs, uid)
	}
}

// has reports whether there is something to do for a run, or to remember.
func (b *backlog) has(uid types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.runs[uid] != nil
}

// refresh replaces the record of a run with the one in the API server, unless a later one came in between.
func (b *backlog) refresh(uid types.UID, before, recorded string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.runs[uid]; e != nil && e.recorded == before {
		e.recorded = recorded
	}
}

// drop drops a run, and returns how many events were due for it.
func (b *backlog) drop(uid types.UID) int {
	count := b.clear(uid)
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.runs, uid)
	return count
}

// clear drops the events that are due for a run, and returns how many these were.
func (b *backlog) clear(uid types.UID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := b.runs[uid]
	if e == nil {
		return 0
	}
	for _, i := range e.items {
		b.items--
		b.bytes -= len(i.body)
	}
	count := len(e.items)
	e.items = nil
	return count
}

// idle returns the runs of the reconcilers for which no event is due: the next write of their statuses records what was sent.
func (b *backlog) idle() map[types.UID]struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[types.UID]struct{}{}
	for uid, e := range b.runs {
		if len(e.items) == 0 && e.ref.Kind != v1beta1.KindCustomRun {
			all[uid] = struct{}{}
		}
	}
	return all
}

// forget drops runs that do not exist any more, unless an event is due for them.
func (b *backlog) forget(gone map[types.UID]struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for uid := range gone {
		if e := b.runs[uid]; e != nil && len(e.items) == 0 {
			delete(b.runs, uid)
		}
	}
}

// refill reports, once, that events were left out and that there is room for them now.
func (b *backlog) refill() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.overflow || b.items > b.limit/2 {
		return false
	}
	b.overflow = false
	return true
}

// uids returns the runs for which there is something to do.
func (b *backlog) uids() []types.UID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.runs))
}

// size returns the number of events that are due.
func (b *backlog) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.items
}

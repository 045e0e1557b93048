package collect

import (
	"sync"
	"time"
)

// watchdog ends a read that makes no progress. Progress is a record: bytes alone may be anybody's.
type watchdog struct {
	// bite ends the read; it may be called more than once.
	bite func()

	mu    sync.Mutex
	tied  bool
	idle  time.Duration
	timer *time.Timer // nil until it is loose
	last  *time.Timer // nil until there is a bound
}

// loose makes the watchdog bite when idle has passed without a record, from now on. Of two such times, the shorter one holds.
func (w *watchdog) loose(idle time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.tied, w.timer != nil && w.idle <= idle:
	case w.timer != nil:
		w.idle = idle
		w.timer.Reset(idle)
	default:
		w.idle = idle
		w.timer = time.AfterFunc(idle, w.bite)
	}
}

// bound makes the watchdog bite when a time has passed, whatever comes in it.
func (w *watchdog) bound(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.tied && w.last == nil {
		w.last = time.AfterFunc(after, w.bite)
	}
}

// looseAt waits for start, and calls loose then; not when end comes first.
func (w *watchdog) looseAt(start, end <-chan struct{}, idle time.Duration) {
	select {
	case <-start:
		w.loose(idle)
	case <-end:
	}
}

// calm tells the watchdog of a record.
func (w *watchdog) calm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil && !w.tied {
		w.timer.Reset(w.idle)
	}
}

// tie stops the watchdog for good.
func (w *watchdog) tie() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tied = true
	for _, timer := range []*time.Timer{w.timer, w.last} {
		if timer != nil {
			timer.Stop()
		}
	}
}

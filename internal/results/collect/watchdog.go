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
}

// loose makes the watchdog bite when idle has passed without a record, from now on.
func (w *watchdog) loose(idle time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.tied {
		w.idle = idle
		w.timer = time.AfterFunc(idle, w.bite)
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
	if w.timer != nil {
		w.timer.Stop()
	}
}

package collect

import (
	"sync"
	"time"
)

// watchdog ends a read without progress. Only a record is progress, because other bytes may come from another source.
type watchdog struct {
	// onTimeout ends the read. It may be called more than once.
	onTimeout func()

	mu      sync.Mutex
	stopped bool
	idle    time.Duration
	timer   *time.Timer // nil until start is called
	last    *time.Timer // nil until bound is called
}

// start calls onTimeout after idle without a record, from now. Of two such times the shorter one applies.
func (w *watchdog) start(idle time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.stopped, w.timer != nil && w.idle <= idle:
	case w.timer != nil:
		w.idle = idle
		w.timer.Reset(idle)
	default:
		w.idle = idle
		w.timer = time.AfterFunc(idle, w.onTimeout)
	}
}

// bound calls onTimeout after a time, whatever happens in it.
func (w *watchdog) bound(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped && w.last == nil {
		w.last = time.AfterFunc(after, w.onTimeout)
	}
}

// startAt waits for begin and then calls start. It returns without that if end comes first.
func (w *watchdog) startAt(begin, end <-chan struct{}, idle time.Duration) {
	select {
	case <-begin:
		w.start(idle)
	case <-end:
	}
}

// reset resets the idle time after a record.
func (w *watchdog) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil && !w.stopped {
		w.timer.Reset(w.idle)
	}
}

// stop stops the watchdog permanently.
func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	for _, timer := range []*time.Timer{w.timer, w.last} {
		if timer != nil {
			timer.Stop()
		}
	}
}

package collect

import (
	"sync"
	"time"
)

// watchdog ends a read that makes no progress. Progress is a record: bytes alone can come from any process in the container.
type watchdog struct {
	// onTimeout ends the read. It may be called more than once.
	onTimeout func()

	mu      sync.Mutex
	stopped bool
	idle    time.Duration
	timer   *time.Timer // nil until start
	last    *time.Timer // nil until bound
}

// start makes the watchdog time out when, from now on, no record comes for as long as idle. The shorter of two such times
// holds.
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

// bound makes the watchdog time out when a time has passed, whatever records come.
func (w *watchdog) bound(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped && w.last == nil {
		w.last = time.AfterFunc(after, w.onTimeout)
	}
}

// startAt waits for begin and then calls start. It does not if end comes first.
func (w *watchdog) startAt(begin, end <-chan struct{}, idle time.Duration) {
	select {
	case <-begin:
		w.start(idle)
	case <-end:
	}
}

// reset makes the watchdog wait for idle again, since a record has come.
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

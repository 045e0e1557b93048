package rundir

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// slowPoll is how often a Watcher wakes without an event: some file systems have no events, and a killed entrypoint
	// causes none.
	slowPoll = time.Second
	// fastPoll is how often it wakes if the kernel provides no watch: on many machines a user has only 128 for all pods
	// together.
	fastPoll = 50 * time.Millisecond
)

// Watcher wakes its caller when something in the directories changes.
type Watcher struct {
	notify *fsnotify.Watcher
	wake   <-chan fsnotify.Event
	lost   <-chan error
	tick   *time.Ticker
}

// Watch returns a Watcher of dirs. Every later change wakes it, so a caller that looks after Watch and before each Wait
// misses nothing.
func Watch(dirs ...string) *Watcher {
	w := &Watcher{}
	period := slowPoll
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		period = fastPoll
	} else {
		w.notify, w.wake, w.lost = notify, notify.Events, notify.Errors
		for _, dir := range dirs {
			if notify.Add(dir) != nil {
				period = fastPoll
			}
		}
	}
	w.tick = time.NewTicker(period)
	return w
}

// Wait returns true when the caller must look, and false when done is closed.
func (w *Watcher) Wait(done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	case <-w.wake:
	case <-w.lost: //nolint:errcheck // the kernel's queue overflowed: the next look covers the missing events
	case <-w.tick.C:
	}
	return true
}

// Close ends the watch.
func (w *Watcher) Close() {
	w.tick.Stop()
	if w.notify != nil {
		_ = w.notify.Close() // it only closes descriptors, so an error has no consequence
	}
}

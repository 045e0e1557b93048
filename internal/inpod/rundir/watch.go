package rundir

import (
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// slowPoll is how often a Watcher wakes without an event: for file systems that have none, and for entrypoints
	// that were killed, which makes none.
	slowPoll = time.Second
	// fastPoll is how often it wakes when the kernel gives it no watch: a user has 128 on many machines, for all pods
	// together.
	fastPoll = 50 * time.Millisecond
)

// Watcher wakes who waits for something in directories to change.
type Watcher struct {
	notify *fsnotify.Watcher
	wake   <-chan fsnotify.Event
	lost   <-chan error
	tick   *time.Ticker
}

// Watch returns a Watcher of dirs. What changes from now on wakes it, so that a look after Watch and before each Wait
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

// Wait returns true when it is time to look again, and false when done is closed.
func (w *Watcher) Wait(done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	case <-w.wake:
	case <-w.lost: //nolint:errcheck // the kernel's queue ran over: events are missing, which a look makes up for
	case <-w.tick.C:
	}
	return true
}

// Close ends the watch.
func (w *Watcher) Close() {
	w.tick.Stop()
	if w.notify != nil {
		_ = w.notify.Close() // it gives back descriptors; there is nothing to lose
	}
}

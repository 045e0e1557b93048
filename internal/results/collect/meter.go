package collect

import (
	"sync/atomic"
	"time"
)

// Meter is told what a Collector does. Many goroutines call its methods, which must return at once.
type Meter interface {
	// Read is called after each read of a log.
	Read(report ReadReport)
	// Ended is called once for each collection that came to its end by itself.
	Ended(report EndReport)
}

// ReadReport is what one read of a log has come to.
type ReadReport struct {
	// Bytes of the log that were read.
	Bytes int64
	// Following says that the container ran as far as was known.
	Following bool
	// Cause is why the read failed, one of Causes; empty when the stream was read to its end.
	Cause string
}

// EndReport is what a collection has come to.
type EndReport struct {
	// Cause is why there are no results, one of Causes; empty when there are.
	Cause string
	// Interrupted says that the container was asked to end before all steps had ended.
	Interrupted bool
	// Following says that the results were there before the container was known to have ended.
	Following bool
	// ValueBytes is the sum of the results' sizes.
	ValueBytes int64
	// Took is the time from the end of the last step, by its node's clock, to now. It is below 0 where that clock is ahead.
	Took time.Duration
}

// Causes are all ways in which a read can fail.
func Causes() []string {
	all := make([]string, kinds)
	for k := range kinds {
		all[k] = k.String()
	}
	return all
}

// String names a kind of failure in one word.
func (k kind) String() string {
	switch k {
	case denied:
		return "denied"
	case absent:
		return "absent"
	case unreachable:
		return "unreachable"
	case broken:
		return "broken"
	case stalled:
		return "stalled"
	case incomplete:
		return "incomplete"
	default:
		return "damaged"
	}
}

// Load is how busy a Collector is.
type Load struct {
	// Collecting is how many targets are watched or held.
	Collecting int
	// Followers is how many logs are being followed, and FollowersLimit how many may be.
	Followers, FollowersLimit int
	// Readers is how many finished logs are being read, and ReadersLimit how many may be.
	Readers, ReadersLimit int
	// WaitingToFollow and WaitingToRead are how many logs wait for such a place.
	WaitingToFollow, WaitingToRead int
	// WaitingForRoom is how many collections wait for memory.
	WaitingForRoom int
	// Reserved is how many bytes the collections hold or are about to, and ReservedLimit how many they may.
	Reserved, ReservedLimit int64
}

// Load returns how busy the Collector is.
func (c *Collector) Load() Load {
	c.mu.Lock()
	n := len(c.tasks)
	c.mu.Unlock()
	return Load{
		Collecting: n,
		Followers:  len(c.followers.taken), FollowersLimit: cap(c.followers.taken), WaitingToFollow: int(c.followers.waiting.Load()),
		Readers: len(c.readers.taken), ReadersLimit: cap(c.readers.taken), WaitingToRead: int(c.readers.waiting.Load()),
		WaitingForRoom: int(c.lacking.Load()), Reserved: c.options.Memory.Held(), ReservedLimit: c.options.Memory.Limit(),
	}
}

// semaphore limits how many reads run at once.
type semaphore struct {
	taken   chan struct{}
	waiting atomic.Int64
}

func newSemaphore(n int) *semaphore { return &semaphore{taken: make(chan struct{}, n)} }

// release lets the next read run.
func (p *semaphore) release() { <-p.taken }

// endReport is that of a collection that has its results.
func endReport(set *Set, follow bool, now time.Time) EndReport {
	report := EndReport{Interrupted: set.Interrupted, Following: follow}
	for _, r := range set.Results {
		report.ValueBytes += int64(len(r.Value))
	}
	var last time.Time
	for _, s := range set.Steps {
		if s.FinishedAt.After(last) {
			last = s.FinishedAt
		}
	}
	if !last.IsZero() {
		report.Took = now.Sub(last)
	}
	return report
}

// nopMeter is the Meter of a Collector without one.
type nopMeter struct{}

func (nopMeter) Read(ReadReport) {}
func (nopMeter) Ended(EndReport) {}

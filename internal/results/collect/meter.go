package collect

import (
	"sync/atomic"
	"time"
)

// Meter observes a Collector. Many goroutines call its methods, which must return immediately.
type Meter interface {
	// Read is called after each read of a log.
	Read(report ReadReport)
	// Ended is called once for each collection that ended without Forget.
	Ended(report EndReport)
}

// ReadReport is the outcome of one read of a log.
type ReadReport struct {
	// Bytes is the number of bytes that were read.
	Bytes int64
	// Following reports that the container was running as far as was known.
	Following bool
	// Cause is why the read failed, one of Causes; empty if the whole stream was read.
	Cause string
}

// EndReport is the outcome of a collection.
type EndReport struct {
	// Cause is why there are no results, one of Causes; empty if there are results.
	Cause string
	// Interrupted reports that the sidecar was terminated before all steps had ended.
	Interrupted bool
	// Following reports that the results were complete before the container was known to have ended.
	Following bool
	// ValueBytes is the total length of all results.
	ValueBytes int64
	// Took is the time from the end of the last step, by the clock of its node, to now. It is negative if that clock is
	// ahead.
	Took time.Duration
}

// Causes returns all kinds of failed reads.
func Causes() []string {
	all := make([]string, kinds)
	for k := range kinds {
		all[k] = k.String()
	}
	return all
}

// String returns the name of a kind of failure.
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

// Load is the load of a Collector.
type Load struct {
	// Collecting is the number of targets that are watched or held.
	Collecting int
	// Followers is the number of logs that are followed, and FollowersLimit its maximum.
	Followers, FollowersLimit int
	// Readers is the number of finished logs that are read, and ReadersLimit its maximum.
	Readers, ReadersLimit int
	// WaitingToFollow and WaitingToRead are the numbers of logs that wait for a place.
	WaitingToFollow, WaitingToRead int
	// WaitingForRoom is the number of collections that wait for memory.
	WaitingForRoom int
	// Reserved is the number of bytes that the collections have reserved, and ReservedLimit its maximum.
	Reserved, ReservedLimit int64
}

// Load returns the present load of the Collector.
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

// semaphore limits the number of concurrent reads.
type semaphore struct {
	taken   chan struct{}
	waiting atomic.Int64
}

func newSemaphore(n int) *semaphore { return &semaphore{taken: make(chan struct{}, n)} }

// release frees a place.
func (p *semaphore) release() { <-p.taken }

// endReport returns the report of a collection that has its results.
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

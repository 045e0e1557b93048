package check

import (
	"slices"
	"time"

	"github.com/sluice-ci/sluice/test/chaos/disturb"
)

// recovery is the time for which a repaired fault may still have effects: leases expire, pods start again.
const recovery = 30 * time.Second

// inTime: a run may take its planned time and the time for which something was broken, but must not be slower because of
// other tenants. It must not wait for a registry, because its own registry answers.
func (c *checker) inTime() {
	if allowed := c.Plan.InTime(); !c.Ended.IsZero() {
		if took := c.Ended.Sub(c.Created) - c.broken(c.Created, c.Ended); took > allowed {
			c.findf("InTime", c.Plan.Name(), "it took %s, without the time for which something was broken; at most %s are allowed", took, allowed)
		}
	}
	for _, name := range sortedKeys(c.Histories) {
		for _, l := range c.Histories[name].Lookups {
			if !slices.ContainsFunc(c.Events, func(e disturb.Event) bool { return overlaps(e, l.At.Add(-recovery), l.At) }) {
				c.findf("Lookup", name, "it waited for a registry while nothing was broken: %.200s", l.Message)
				break
			}
		}
	}
}

// broken returns how long something was broken between two times, or until shortly before.
func (c *checker) broken(from, to time.Time) time.Duration {
	var all time.Duration
	counted := from
	for _, e := range c.Events { // disturbances follow one after another; one that hits several pods has an event for each
		begin, end := e.Began, e.Mended.Add(recovery)
		if begin.Before(counted) {
			begin = counted
		}
		if end.After(to) {
			end = to
		}
		if end.After(begin) {
			all += end.Sub(begin)
			counted = end
		}
	}
	return all
}

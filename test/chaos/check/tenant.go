package check

import (
	"slices"
	"time"

	"github.com/sluice-ci/sluice/test/chaos/disturb"
)

// recovery is how long what was broken may have effects after it was mended: leases are taken over, pods start again.
const recovery = 30 * time.Second

// inTime: a run takes its time and that for which something was broken, but not longer because of what other tenants do; and
// it waits for no registry, since its own one answers.
func (c *checker) inTime() {
	if allowed := c.Plan.InTime(); !c.Ended.IsZero() {
		if took := c.Ended.Sub(c.Created) - c.broken(c.Created, c.Ended); took > allowed {
			c.findf("InTime", c.Plan.Name(), "it took %s besides the time for which something was broken, and may take %s", took, allowed)
		}
	}
	for _, name := range sortedKeys(c.Histories) {
		for _, l := range c.Histories[name].Lookups {
			if !slices.ContainsFunc(c.Events, func(e disturb.Event) bool { return overlaps(e, l.At.Add(-recovery), l.At) }) {
				c.findf("Lookup", name, "nothing was broken, and it waited for a registry: %.200s", l.Message)
				break
			}
		}
	}
}

// broken is for how long something was broken between two times, or had been until a moment before.
func (c *checker) broken(from, to time.Time) time.Duration {
	var all time.Duration
	counted := from
	for _, e := range c.Events { // one after the other, and one that hits several pods comes once for each
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

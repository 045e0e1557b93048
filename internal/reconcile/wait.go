package reconcile

import "time"

// RetryPeriod is how long a run waits before it retries to create an object, if no event triggers it.
const RetryPeriod = 5 * time.Second

// Until returns the time from now to the earliest deadline, at least a millisecond. Zero times are not deadlines. Without
// deadlines it returns 0, which means never.
func Until(now time.Time, deadlines ...time.Time) time.Duration {
	var least time.Duration
	for _, d := range deadlines {
		if d.IsZero() {
			continue
		}
		if left := max(d.Sub(now), time.Millisecond); least == 0 || left < least {
			least = left
		}
	}
	return least
}

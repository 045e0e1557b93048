package reconcile

import "time"

// RetryPeriod is how long a run waits that cannot create an object yet, and that no event wakes.
const RetryPeriod = 5 * time.Second

// Until returns how long it takes from now to the first of the deadlines, at least a millisecond. It returns 0, which means
// never, if there are none. Zero times are no deadlines.
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

// Package disturb breaks a localkube cluster while runs are under way, by a plan that follows from a seed, and mends it
// each time: it kills controllers and components, deletes pods, takes rights away and cuts connections.
package disturb

import (
	"math/rand/v2"
	"time"
)

const (
	// quietAtFirst is how long nothing is disturbed after the start.
	quietAtFirst = 15 * time.Second
	// quietAtEnd is how long nothing is disturbed before the end of a length from long on; of a shorter one it is a fifth.
	quietAtEnd = 2 * time.Minute
	long       = 10 * time.Minute
	// shortestPause and longestPause are between the end of one disturbance and the beginning of the next.
	shortestPause, longestPause = 3 * time.Second, 9 * time.Second
	// shortestRest and longestRest are between two rounds, each of which has every kind once.
	shortestRest, longestRest = 20 * time.Second, 40 * time.Second
	// stream tells the chance of disturbances from that of runs, which have the same seed.
	stream = 0xd157
)

// Disturbance is one fault at one moment.
type Disturbance struct {
	// Kind is one of the constants.
	Kind string
	// At is when it begins, from the start.
	At time.Duration
	// For is how long it lasts until it is mended; 0 for one that is over as soon as it is done.
	For time.Duration
	// Draw decides what is left to chance in the moment itself, such as which pod is hit.
	Draw uint64
}

// Plan returns the disturbances of a time of the given length, in their order: the same ones for the same seed and length.
// From ten minutes on each kind comes at least once and the last two minutes have none; of a shorter time the last fifth has
// none. Between two disturbances there are seconds in which nothing is broken, and from time to time half a minute.
func Plan(seed uint64, length time.Duration) []Disturbance {
	random := rand.New(rand.NewPCG(seed, stream))
	end := length - quietAtEnd
	if length < long {
		end = length - length/5
	}
	var plan []Disturbance
	now := min(quietAtFirst, length/10)
	for {
		round := profiles()
		random.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		for _, p := range round {
			d := Disturbance{Kind: p.kind, At: now, For: between(random, p.shortest, p.longest), Draw: random.Uint64()}
			now += d.For + p.mending
			if now > end {
				return plan
			}
			plan = append(plan, d)
			now += between(random, shortestPause, longestPause)
		}
		now += between(random, shortestRest, longestRest)
	}
}

// over is when the last disturbance of a plan is mended, from the start.
func over(plan []Disturbance) time.Duration {
	last := plan[len(plan)-1]
	return last.At + last.For + profileOf(last.Kind).mending
}

// between draws a duration of whole milliseconds.
func between(random *rand.Rand, shortest, longest time.Duration) time.Duration {
	return (shortest + time.Duration(random.Int64N(int64(longest-shortest)+1))).Truncate(time.Millisecond)
}

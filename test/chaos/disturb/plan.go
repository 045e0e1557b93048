// Package disturb breaks a localkube cluster while runs are in progress, and repairs it, by a plan that follows from a seed.
// It kills controllers and components, deletes pods, removes permissions and cuts connections.
package disturb

import (
	"math/rand/v2"
	"time"
)

const (
	// quietAtFirst is the time without disturbances after the start.
	quietAtFirst = 15 * time.Second
	// quietAtEnd is the time without disturbances before the end, for a length of at least long. For a shorter one it is a
	// fifth of the length.
	quietAtEnd = 2 * time.Minute
	long       = 10 * time.Minute
	// shortestPause and longestPause bound the time between two disturbances.
	shortestPause, longestPause = 3 * time.Second, 9 * time.Second
	// shortestRest and longestRest bound the time between two rounds. Each round has every kind once.
	shortestRest, longestRest = 20 * time.Second, 40 * time.Second
	// stream separates the random numbers of disturbances from those of runs, which have the same seed.
	stream = 0xd157
)

// Disturbance is one fault at one time.
type Disturbance struct {
	// Kind is one of the constants.
	Kind string
	// At is its start, from the start of the plan.
	At time.Duration
	// For is the time until it is repaired; 0 for a disturbance that needs no repair.
	For time.Duration
	// Draw decides random details at the time of the disturbance, such as which pod is hit.
	Draw uint64
}

// Plan returns the disturbances of a cluster with that number of nodes, for a time of the given length, in order. The same
// arguments always give the same plan. From ten minutes on, each kind occurs at least once, and the last two minutes are quiet. In a
// shorter time, the last fifth is quiet. Between two disturbances nothing is broken for some seconds, and from time to time for half
// a minute.
func Plan(seed uint64, length time.Duration, nodes int) []Disturbance {
	random := rand.New(rand.NewPCG(seed, stream))
	end := length - quietAtEnd
	if length < long {
		end = length - length/5
	}
	var plan []Disturbance
	now := min(quietAtFirst, length/10)
	for {
		round := profilesFor(nodes)
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

// over returns the time at which the last disturbance of a plan is repaired, from the start.
func over(plan []Disturbance) time.Duration {
	last := plan[len(plan)-1]
	return last.At + last.For + profileOf(last.Kind).mending
}

// between returns a random duration of whole milliseconds.
func between(random *rand.Rand, shortest, longest time.Duration) time.Duration {
	return (shortest + time.Duration(random.Int64N(int64(longest-shortest)+1))).Truncate(time.Millisecond)
}

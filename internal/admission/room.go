package admission

import (
	"context"
	"sync"
	"time"
)

const (
	// bodiesRoom is how much the bodies of all requests may take together, in bytes: of those that are being read, that wait,
	// and that are worked on; and the answers that are being written.
	bodiesRoom = 24 << 20
	// visitRoom is what a request takes besides its body, in bytes. It bounds how many there can be.
	visitRoom = 16 << 10
	// firstRoom is how much of a body is read at first, in bytes.
	firstRoom = 8 << 10
)

// gate holds the requests that the webhooks have not answered, and says which of them are worked on.
//
// The API server does not prove who it is, unless its administrator configures that, and so any pod can send requests. What
// holds for each address from which requests come is therefore that it cannot take what others need: where room is short,
// the address that holds most of it loses a request, and of this address the namespace that holds most.
type gate struct {
	patience time.Duration // how long a request may take, whatever its client says

	mu     sync.Mutex
	room   int64 // what is left of bodiesRoom
	serial int
	visits map[*visit]struct{}
	lanes  []*lane
}

// visit is a request from when it arrives until it is answered.
type visit struct {
	serial    int
	source    string // the address of the client
	namespace string // empty until the body is read
	held      int64
	working   bool // it holds a place in its lane
	lane      *lane
	turn      chan struct{} // closed when it is its turn
	cut       context.CancelCauseFunc
}

func newGate() *gate {
	return &gate{patience: patience, room: bodiesRoom, visits: map[*visit]struct{}{}, lanes: newLanes()}
}

// arrive makes a visit. Its context ends when the gate cuts it off. It must leave.
func (g *gate) arrive(ctx context.Context, source string) (*visit, context.Context) {
	ctx, cut := context.WithCancelCause(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serial++
	v := &visit{serial: g.serial, source: source, turn: make(chan struct{}), cut: cut}
	g.visits[v] = struct{}{}
	return v, ctx
}

// leave ends a visit: what it holds is free for others.
func (g *gate) leave(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.vacate(v)
	g.drop(v, context.Canceled)
}

// finish gives the place of a visit in its lane to the next one. What it holds it still holds, for its answer.
func (g *gate) finish(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.vacate(v)
}

func (g *gate) vacate(v *visit) {
	if v.working {
		v.working = false
		v.lane.free++
		v.lane.next()
	}
}

// take gives a visit room for its body or its answer, in bytes. Where there is none, others are cut off for it, or it is cut off itself.
func (g *gate) take(v *visit, size int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.visits[v]; !ok {
		return errCut
	}
	if v.held == 0 {
		size += visitRoom
	}
	v.held += size
	for g.room -= size; g.room < 0; {
		most := g.greediest()
		g.drop(most, errCut)
		if most == v {
			return errCut
		}
	}
	return nil
}

// drop ends a visit, with a cause, which its context gets.
func (g *gate) drop(v *visit, cause error) {
	if _, ok := g.visits[v]; !ok {
		return
	}
	delete(g.visits, v)
	if v.lane != nil && !v.working {
		v.lane.waiting.remove(v)
	}
	g.room += v.held
	v.cut(cause)
}

// greediest returns the visit to cut off: of the source that holds most and its namespace that holds most, the one that
// holds most, and of equal ones the last. Those that are worked on are left alone; there is always the one that asks.
func (g *gate) greediest() *visit {
	type place struct{ source, namespace string }
	sources, places := map[string]int64{}, map[place]int64{}
	for v := range g.visits {
		if !v.working {
			sources[v.source] += v.held
			places[place{v.source, v.namespace}] += v.held
		}
	}
	var most *visit
	var rank [4]int64
	for v := range g.visits {
		if v.working {
			continue
		}
		r := [4]int64{sources[v.source], places[place{v.source, v.namespace}], v.held, int64(v.serial)}
		if most == nil || above(r, rank) {
			most, rank = v, r
		}
	}
	return most
}

// above compares two ranks, by the first number that differs.
func above(a, b [4]int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

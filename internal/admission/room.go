package admission

import (
	"context"
	"sync"
	"time"
)

const (
	// bodiesRoom is the maximum size of the bodies of all requests together, in bytes: those that are being read, that wait, and
	// that are handled, and the responses that are being written.
	bodiesRoom = 24 << 20
	// visitRoom is the memory of a request without its body, in bytes. It limits the number of requests.
	visitRoom = 16 << 10
	// firstRoom is the size of the first buffer for a body, in bytes.
	firstRoom = 8 << 10
)

// gate holds the open requests of the webhooks, and decides which of them are handled.
//
// The API server does not authenticate itself unless its administrator configures that, so any pod can send requests. No
// client address may starve others. If room is short, the address with the most room loses a request, and at this address the
// namespace with the most room.
type gate struct {
	patience time.Duration // the maximum time of a request, for any timeout of its client

	mu     sync.Mutex
	room   int64 // the rest of bodiesRoom
	serial int
	visits map[*visit]struct{}
	lanes  []*lane
}

// visit is an open request.
type visit struct {
	serial    int
	source    string // the address of the client
	namespace string // empty until the body is read
	held      int64
	working   bool // it holds a place in its lane
	lane      *lane
	turn      chan struct{} // closed at the turn of the visit
	cut       context.CancelCauseFunc
}

func newGate() *gate {
	return &gate{patience: patience, room: bodiesRoom, visits: map[*visit]struct{}{}, lanes: newLanes()}
}

// arrive creates a visit. Its context ends when the gate cuts it off. The caller must call leave.
func (g *gate) arrive(ctx context.Context, source string) (*visit, context.Context) {
	ctx, cut := context.WithCancelCause(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serial++
	v := &visit{serial: g.serial, source: source, turn: make(chan struct{}), cut: cut}
	g.visits[v] = struct{}{}
	return v, ctx
}

// leave ends a visit and frees its room.
func (g *gate) leave(v *visit) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.vacate(v)
	g.drop(v, context.Canceled)
}

// finish gives the place of a visit in its lane to the next one. The visit keeps its room for its response.
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

// take gives a visit room for its body or its response, in bytes. If there is no room, it cuts off other visits, or this one.
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

// drop ends a visit. Its context gets the cause.
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

// greediest returns the visit to cut off: the largest one of the source with the most room and of its namespace with the most
// room; of equal ones the last. It skips visits that are being handled. There is always the visit that needs room.
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

// above compares two ranks by the first different number.
func above(a, b [4]int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

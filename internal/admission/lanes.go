package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
)

// The lanes: how many requests of a size are worked on at once. The others wait. What is small does not wait for what is
// large: nobody can keep others from creating and canceling runs of a usual size by sending large objects.
//
// Three bytes of a request can become a kilobyte in memory, up to maxDecoded for each of its two objects. So a small request
// takes up to 11 MB, a medium one 32 MB, and a large one 95 MB with the copies of its texts: 203 MB in all lanes, and
// bodiesRoom. Ten of the largest requests take 95 MB and bodiesRoom: one is worked on, the others are texts that wait.
const (
	smallRequest  = 32 << 10
	mediumRequest = 96 << 10
	smallAtOnce   = 4
	mediumAtOnce  = 2
	largeAtOnce   = 1
)

// lane is what the requests up to a size go through.
type lane struct {
	upTo    int64
	free    int
	waiting *turns
}

func newLanes() []*lane {
	return []*lane{
		{upTo: smallRequest, free: smallAtOnce, waiting: &turns{}},
		{upTo: mediumRequest, free: mediumAtOnce, waiting: &turns{}},
		{upTo: math.MaxInt64, free: largeAtOnce, waiting: &turns{}},
	}
}

// next lets those in whose turn it is.
func (l *lane) next() {
	for l.free > 0 {
		v := l.waiting.pop()
		if v == nil {
			return
		}
		l.free--
		v.working = true
		close(v.turn)
	}
}

// enter waits until it is the turn of a visit, whose request has a size in bytes.
func (g *gate) enter(ctx context.Context, v *visit, namespace string, size int64) error {
	g.queue(v, namespace, size)
	select {
	case <-v.turn:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) queue(v *visit, namespace string, size int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.visits[v]; !ok {
		return // its context has ended
	}
	v.namespace = namespace
	for _, l := range g.lanes {
		if size <= l.upTo {
			v.lane = l
			break
		}
	}
	v.lane.waiting.push(v)
	v.lane.next()
}

// turns is a queue in which each source has its turn, and at its turn each of its namespaces: a thousand requests in one
// namespace delay one in another namespace by a single turn.
type turns struct {
	sources []*source
}

type source struct {
	name       string
	namespaces []*namespace
}

type namespace struct {
	name   string
	visits []*visit
}

func (t *turns) push(v *visit) {
	s := find(&t.sources, func(s *source) bool { return s.name == v.source }, &source{name: v.source})
	n := find(&s.namespaces, func(n *namespace) bool { return n.name == v.namespace }, &namespace{name: v.namespace})
	n.visits = append(n.visits, v)
}

// find returns the element that is meant, or appends one.
func find[T any](in *[]*T, meant func(*T) bool, otherwise *T) *T {
	for _, e := range *in {
		if meant(e) {
			return e
		}
	}
	*in = append(*in, otherwise)
	return otherwise
}

// pop returns the visit whose turn it is, or nil. Its source and its namespace go behind the others.
func (t *turns) pop() *visit {
	if len(t.sources) == 0 {
		return nil
	}
	s := t.sources[0]
	n := s.namespaces[0]
	v := n.visits[0]
	n.visits = n.visits[1:]
	s.namespaces = s.namespaces[1:]
	if len(n.visits) > 0 {
		s.namespaces = append(s.namespaces, n)
	}
	t.sources = t.sources[1:]
	if len(s.namespaces) > 0 {
		t.sources = append(t.sources, s)
	}
	return v
}

// remove takes a visit out that does not wait any more. The others keep their turns.
func (t *turns) remove(v *visit) {
	for i, s := range t.sources {
		if s.name != v.source {
			continue
		}
		for j, n := range s.namespaces {
			if n.name == v.namespace {
				n.visits = slices.DeleteFunc(n.visits, func(o *visit) bool { return o == v })
			}
			if len(n.visits) == 0 {
				s.namespaces = append(s.namespaces[:j:j], s.namespaces[j+1:]...)
				break
			}
		}
		if len(s.namespaces) == 0 {
			t.sources = append(t.sources[:i:i], t.sources[i+1:]...)
		}
		return
	}
}

// prefix is within how many bytes of a request its namespace is looked for. The API server writes it before the objects.
const prefix = 8 << 10

// namespaceOf returns the namespace of an encoded AdmissionReview, or nothing where it does not begin as the API server
// writes one. It reads only the beginning, since this is work that waits for no turn.
func namespaceOf(body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body[:min(len(body), prefix)]))
	if !member(d, "request") || !member(d, "namespace") {
		return ""
	}
	value, err := d.Token()
	name, ok := value.(string)
	if err != nil || !ok {
		return ""
	}
	return name
}

// member reads the object that comes next up to the value of a member.
func member(d *json.Decoder, name string) bool {
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return false
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false
		}
		if key == name {
			return true
		}
		var other json.RawMessage
		if d.Decode(&other) != nil {
			return false
		}
	}
	return false
}

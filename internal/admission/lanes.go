package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"slices"
)

// The lanes limit how many requests of a size are handled at the same time. The others wait. Small requests do not wait for
// large ones, so a client with large objects cannot prevent others from creating and canceling runs of usual size.
const (
	smallRequest  = 32 << 10
	mediumRequest = 96 << 10
	smallAtOnce   = 3
	mediumAtOnce  = 1
	largeAtOnce   = 1
)

const (
	// heaviest is how many bytes a byte of a request can take in memory: three of them can become a kilobyte.
	heaviest = 1024 / 3
	// textCopies is how often the texts of a request are in memory.
	textCopies = 4

	// BodiesMemory is the maximum memory of the bodies of requests and of answers, in bytes.
	BodiesMemory = bodiesRoom
	// DecodedMemory is the maximum memory of the objects that all lanes decode at the same time, in bytes: a request has two
	// objects of up to maxDecoded, and its texts.
	DecodedMemory = smallAtOnce*heaviest*smallRequest + mediumAtOnce*heaviest*mediumRequest +
		largeAtOnce*(2*maxDecoded+textCopies*largestRequest)
)

// lane is the queue of the requests up to a size.
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

// next admits the next requests while there are free places.
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

// enter waits for the turn of a visit. size is the size of its request in bytes.
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

// turns is a queue that serves sources in turn, and for each source its namespaces in turn. A thousand requests in one
// namespace delay a request in another namespace by only one turn.
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

// find returns the element for which meant is true. Without one it appends otherwise.
func find[T any](in *[]*T, meant func(*T) bool, otherwise *T) *T {
	for _, e := range *in {
		if meant(e) {
			return e
		}
	}
	*in = append(*in, otherwise)
	return otherwise
}

// pop returns the next visit, or nil. Its source and its namespace move to the end of the queue.
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

// remove removes a visit that no longer waits. The others keep their turns.
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

// prefix is how many bytes of a request are searched for its namespace. The API server writes it before the objects.
const prefix = 8 << 10

// namespaceOf returns the namespace of an encoded AdmissionReview; empty if the beginning is not as the API server writes it.
// It reads only the beginning, because it runs before the request waits for its turn.
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

// member reads the next object up to the value of a member.
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

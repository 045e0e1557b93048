package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// waiting creates a visit that waits for its turn, or is handled if there is a free place.
func waiting(t *testing.T, g *gate, source, namespace string, size int64) *visit {
	t.Helper()
	v, _ := g.arrive(t.Context(), source)
	if err := g.take(v, size); err != nil {
		t.Fatal(err)
	}
	g.queue(v, namespace, size)
	return v
}

func answered(v *visit) bool {
	select {
	case <-v.turn:
		return true
	default:
		return false
	}
}

// TestTurns: any number of requests of one namespace or one address delay a request of another one by only one turn. The test
// counts turns: requests end one after another.
func TestTurns(t *testing.T) {
	type flood struct{ sources, namespaces, requests int }
	cases := map[string]struct {
		reason            string
		flood             flood
		source, namespace string
		size              int64
		turns             int
	}{
		"Namespace": {
			reason:    "another namespace, through the same API server",
			flood:     flood{sources: 1, namespaces: 1, requests: 200},
			source:    "api-0",
			namespace: "other",
			size:      1,
			turns:     2,
		},
		"Namespaces": {
			reason:    "each namespace has a turn",
			flood:     flood{sources: 1, namespaces: 10, requests: 20},
			source:    "api-0",
			namespace: "other",
			size:      1,
			turns:     11,
		},
		"Source": {
			reason:    "an address does not have more turns by naming more namespaces",
			flood:     flood{sources: 1, namespaces: 100, requests: 2},
			source:    "api-1",
			namespace: "other",
			size:      1,
			turns:     2,
		},
		"SameNamespaceElsewhere": {
			reason:    "an address cannot take the turns of a namespace at another one",
			flood:     flood{sources: 1, namespaces: 1, requests: 200},
			source:    "api-1",
			namespace: "team-0",
			size:      1,
			turns:     2,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			g.lanes = []*lane{{upTo: largestRequest, free: 1, waiting: &turns{}}}
			running := waiting(t, g, "api-0", "team-0", tc.size)
			queued := map[*visit]bool{}
			for range tc.flood.requests {
				for n := range tc.flood.namespaces {
					for s := range tc.flood.sources {
						queued[waiting(t, g, fmt.Sprint("api-", s), fmt.Sprint("team-", n), tc.size)] = true
					}
				}
			}
			mine := waiting(t, g, tc.source, tc.namespace, tc.size)
			if count := turnsUntil(t, g, mine, running, queued); count > tc.turns {
				t.Errorf("%s: %d turns, want at most %d", tc.reason, count, tc.turns)
			}
		})
	}
}

// turnsUntil ends one request after another until the turn of mine, and returns how many ended.
func turnsUntil(t *testing.T, g *gate, mine, running *visit, queued map[*visit]bool) int {
	t.Helper()
	for count := 1; running != nil; count++ {
		g.leave(running)
		if answered(mine) {
			return count
		}
		running = nil
		for v := range queued {
			if answered(v) {
				running = v
				delete(queued, v)
				break
			}
		}
	}
	t.Fatal("nothing runs")
	return 0
}

// TestLanes: small requests do not wait for larger ones, and each size has a lane.
func TestLanes(t *testing.T) {
	for name, tc := range map[string]struct {
		size   int64
		others int64
	}{
		"Small":    {size: smallRequest, others: mediumRequest},
		"Medium":   {size: mediumRequest, others: mediumRequest + 1},
		"Canceled": {size: 40_000, others: 1_500_000},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			for range 10 {
				waiting(t, g, "api", "flood", tc.others)
			}
			if v := waiting(t, g, "api", "other", tc.size); !answered(v) {
				t.Error("a request waits for larger ones")
			}
		})
	}
}

// TestRoomIsTakenFromTheGreediest: if room for bodies is short, the address with the most room loses a request, and at this
// address the namespace with the most room.
func TestRoomIsTakenFromTheGreediest(t *testing.T) {
	const megabyte = 1 << 20
	type request struct {
		source, namespace string
		size              int64
		times             int
	}
	eachIn := func(source string, size int64, namespaces ...string) []request {
		var all []request
		for _, n := range namespaces {
			all = append(all, request{source: source, namespace: n, size: size, times: 1})
		}
		return all
	}
	cases := map[string]struct {
		reason string
		before []request
		asks   request
		cut    bool
	}{
		"OtherNamespace": {
			reason: "a flood in one namespace loses to another namespace",
			before: []request{{source: "api", namespace: "flood", size: megabyte, times: 23}},
			asks:   request{source: "api", namespace: "other", size: megabyte},
		},
		"OtherSource": {
			reason: "an address with many namespaces loses to another address",
			before: []request{{
				source:    "pod",
				namespace: "a",
				size:      megabyte,
				times:     11,
			}, {
				source:    "pod",
				namespace: "b",
				size:      megabyte,
				times:     12,
			}},
			asks: request{source: "api", namespace: "a", size: 2 * megabyte},
		},
		"OnlyTheSumOfASource": {
			reason: "an address loses although each of its namespaces has less room than that of the other address",
			before: slices.Concat([]request{{
				source:    "api",
				namespace: "a",
				size:      megabyte,
				times:     4,
			}}, eachIn("pod", 2*megabyte, "b", "c", "d", "e", "f", "g", "h", "i", "j")),
			asks: request{source: "api", namespace: "a", size: 2 * megabyte},
		},
		"Itself": {
			reason: "the flood does not take the room of others",
			before: []request{{
				source:    "api",
				namespace: "other",
				size:      megabyte,
				times:     2,
			}, {
				source:    "pod",
				namespace: "flood",
				size:      megabyte,
				times:     21,
			}},
			asks: request{source: "pod", namespace: "flood", size: 2 * megabyte},
			cut:  true,
		},
		"Many": {
			reason: "many small requests are a flood, too",
			before: []request{{source: "pod", namespace: "", size: 1, times: bodiesRoom/visitRoom - 2}},
			asks:   request{source: "api", namespace: "other", size: megabyte},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			g.lanes = []*lane{{upTo: largestRequest, waiting: &turns{}}}
			for _, r := range tc.before {
				for range r.times {
					waiting(t, g, r.source, r.namespace, r.size)
				}
			}
			v, ctx := g.arrive(t.Context(), tc.asks.source)
			v.namespace = tc.asks.namespace
			err := g.take(v, tc.asks.size)
			if cut := errors.Is(err, errCut); cut != tc.cut || cut != (ctx.Err() != nil) {
				t.Errorf("%s: got %v, %v", tc.reason, err, context.Cause(ctx))
			}
		})
	}
}

// TestGateLosesNothing: for requests in any order, free room and used room add up to all room. No lane has too many places, and
// no lane is idle while requests wait for it.
func TestGateLosesNothing(t *testing.T) {
	places := []int{smallAtOnce, mediumAtOnce, largeAtOnce}
	rapid.Check(t, func(t *rapid.T) {
		g := newGate()
		var all []*visit
		pick := func(t *rapid.T) *visit {
			if len(all) == 0 {
				t.Skip("there is no visit")
			}
			return all[rapid.IntRange(0, len(all)-1).Draw(t, "visit")]
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				v, _ := g.arrive(context.Background(), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "source"))
				if g.take(v, rapid.Int64Range(1, largestRequest).Draw(t, "size")) == nil {
					all = append(all, v)
				}
			},
			"queue": func(t *rapid.T) {
				if v := pick(t); v.lane == nil {
					g.queue(v, rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "namespace"), v.held-visitRoom)
				}
			},
			"leave": func(t *rapid.T) {
				v := pick(t)
				if _, here := g.visits[v]; here {
					g.leave(v)
				}
			},
			"": func(t *rapid.T) {
				room, working, waits := g.room, make([]int, len(places)), make([]int, len(places))
				for v := range g.visits {
					room += v.held
					for i, l := range g.lanes {
						if v.lane == l && v.working {
							working[i]++
						} else if v.lane == l {
							waits[i]++
						}
					}
				}
				if g.room < 0 || room != bodiesRoom {
					t.Fatalf("room left %d, and %d with what is held, of %d", g.room, room, bodiesRoom)
				}
				for i, l := range g.lanes {
					if l.free < 0 || l.free+working[i] != places[i] || l.free > 0 && waits[i] > 0 {
						t.Fatalf("lane %d: %d free, %d work, %d wait", i, l.free, working[i], waits[i])
					}
				}
			},
		})
	})
}

// TestNamespaceOf: the namespace is found where the API server writes it, and only the beginning of the request is read.
func TestNamespaceOf(t *testing.T) {
	for name, tc := range map[string]struct{ body, want string }{
		"Review":    {body: review("team-a", 1_500_000), want: "team-a"},
		"OfObject":  {body: `{"request":{"kind":{"namespace":"no"},"namespace":"team-b"}}`, want: "team-b"},
		"NoRequest": {body: `{"kind":"AdmissionReview","namespace":"no"}`},
		"NoText":    {body: `{"request":{"namespace":{"a":"b"}}}`},
		"Cut":       {body: `{"request":{"name`},
		"List":      {body: `[["request",{"namespace":"no"}]]`},
		"Empty":     {body: ``},
	} {
		if got := namespaceOf([]byte(tc.body)); got != tc.want {
			t.Errorf("%s: want %q, got %q", name, tc.want, got)
		}
	}
}

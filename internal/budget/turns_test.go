package budget

import (
	"testing"

	"pgregory.net/rapid"
)

// isClosed reports whether a lease that has asked has its bytes.
func isClosed(granted <-chan struct{}) bool {
	select {
	case <-granted:
		return true
	default:
		return false
	}
}

// asking is a lease of TestSharedBudget, and its grants.
type asking struct {
	owner   string
	lease   *Lease
	has     int64
	asked   int64
	granted <-chan struct{} // nil while it does not wait
}

// sums returns what the leases of an owner have, and what all have.
func sums(all []*asking, owner string) (its, together int64) {
	for _, a := range all {
		if together += a.has; a.owner == owner {
			its += a.has
		}
	}
	return its, together
}

// TestSharedBudget: whatever leases do, an owner never has more than its share, and all owners never more than the limit. No
// lease waits whose turn it is and for which there is room. Once the others end, each lease that waits has its bytes.
func TestSharedBudget(t *testing.T) {
	const limit, share = 100, 60
	rapid.Check(t, func(t *rapid.T) {
		b := NewShared(limit, share)
		var all []*asking
		for _, owner := range []string{"a", "a", "a", "b", "b", "c"} {
			all = append(all, &asking{owner: owner, lease: b.LeaseFor(owner)})
		}
		settle := func() {
			for _, a := range all {
				if a.granted != nil && isClosed(a.granted) {
					a.has, a.granted = a.asked, nil
				}
			}
			for _, a := range all {
				if its, together := sums(all, a.owner); its > share || together > limit || together != b.Held() {
					t.Fatalf("owner %s has %d, all have %d, the budget says %d", a.owner, its, together, b.Held())
				}
			}
			for _, n := range b.waiting {
				its, together := sums(all, n.owner)
				asked := n.leases[0].asked
				if its+asked > share {
					continue
				}
				if together+asked <= limit {
					t.Fatalf("owner %s waits for %d with %d of its own and %d of all held", n.owner, asked, its, together)
				}
				break // the others behind it wait for its turn
			}
		}
		for range 40 {
			a := rapid.SampledFrom(all).Draw(t, "lease")
			bytes := rapid.Int64Range(0, share).Draw(t, "bytes")
			switch act := rapid.IntRange(0, 3).Draw(t, "act"); {
			case act == 0:
				a.lease.End()
				a.has, a.granted = 0, nil
			case act == 1 && a.granted == nil:
				a.lease.Shrink(bytes)
				a.has = min(a.has, bytes)
			case act == 2 && a.granted == nil && a.has == 0:
				a.asked, a.granted = bytes, a.lease.Ask(bytes)
			case act == 3 && a.granted == nil:
				if a.lease.Grow(bytes) {
					a.has = max(a.has, bytes)
				}
			}
			settle()
		}
		for range all {
			for _, a := range all {
				if a.granted == nil {
					a.lease.End()
					a.has = 0
				}
			}
			settle()
		}
		if b.Held() != 0 || len(b.waiting) != 0 || len(b.owned) != 0 {
			t.Fatalf("want nothing held and nothing waiting in the end, got %d, %v, %v", b.Held(), b.waiting, b.owned)
		}
	})
}

// TestTurnsGoRound: an owner with many leases that wait, and many that grow, delays one of another owner by a single lease.
func TestTurnsGoRound(t *testing.T) {
	const limit, of = 110, 50 // the other ten fit no lease
	b := NewShared(limit, limit)
	var held []*Lease
	var greedy []<-chan struct{}
	for range 20 {
		l := b.LeaseFor("greedy")
		held, greedy = append(held, l), append(greedy, l.Ask(of))
	}
	other := b.LeaseFor("other")
	granted := other.Ask(of)
	for i, l := range held[:2] { // the two that have the room
		if isClosed(granted) {
			t.Fatalf("want the other one to wait for room, it has some after %d leases have ended", i)
		}
		if b.LeaseFor("third").Grow(1) || b.LeaseFor("greedy").Grow(1) {
			t.Error("want no room for one that does not wait while others do")
		}
		l.End()
	}
	if !isClosed(granted) {
		t.Error("want room for the other one after one lease of the greedy one")
	}
	if isClosed(greedy[3]) {
		t.Error("want the fourth lease to wait for the other one")
	}
}

// TestSharesLeaveRoom: an owner that has its share keeps nothing from others, whatever it still waits for.
func TestSharesLeaveRoom(t *testing.T) {
	b := NewShared(100, 60)
	taken, waits := b.LeaseFor("greedy"), b.LeaseFor("greedy")
	if !taken.Grow(60) {
		t.Fatal("want room for a share")
	}
	if taken.Grow(61) || b.LeaseFor("greedy").Grow(1) {
		t.Error("want no room beyond the share")
	}
	later := waits.Ask(10)
	other := b.LeaseFor("other")
	if isClosed(later) || !other.Grow(40) || !isClosed(b.LeaseFor("other").Ask(0)) {
		t.Error("want the rest for the other owner")
	}
	other.End()
	taken.Shrink(50)
	if !isClosed(later) {
		t.Error("want room as soon as the owner has given some back")
	}
}

// TestWithdrawnLeaseIsPassedOver: a lease that ends while it waits holds up no other one, and gets nothing.
func TestWithdrawnLeaseIsPassedOver(t *testing.T) {
	b := NewShared(100, 100)
	held, first, second := b.LeaseFor("a"), b.LeaseFor("b"), b.LeaseFor("c")
	if !held.Grow(60) {
		t.Fatal("want room")
	}
	before, after := first.Ask(80), second.Ask(40)
	if isClosed(before) || isClosed(after) {
		t.Fatal("want both to wait: the second one would overtake the first")
	}
	first.End()
	if isClosed(before) || !isClosed(after) || b.Held() != 100 {
		t.Errorf("want room for the second one alone, %d bytes are held", b.Held())
	}
	held.End()
	if isClosed(before) {
		t.Error("want nothing for the one that has ended")
	}
}

// TestMost: what a lease can have at most is its owner's share, or everything.
func TestMost(t *testing.T) {
	cases := map[string]struct {
		budget *Budget
		want   int64
	}{
		"NoShare": {
			budget: New(7),
			want:   7,
		},
		"Share": {
			budget: NewShared(7, 3),
			want:   3,
		},
		"ShareAboveTheLimit": {
			budget: NewShared(7, 9),
			want:   7,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := tc.budget.Most(); got != tc.want {
				t.Errorf("want %d, got %d", tc.want, got)
			}
			if l := tc.budget.LeaseFor("a"); !isClosed(l.Ask(tc.want)) || l.Grow(tc.want+1) {
				t.Errorf("want room for %d bytes and no more", tc.want)
			}
		})
	}
	if none := (*Budget)(nil).LeaseFor("a"); !isClosed(none.Ask(1 << 60)) {
		t.Error("want no limit without a budget")
	}
}

package budget

import (
	"testing"

	"pgregory.net/rapid"
)

// TestBudget: whatever leases ask for, they never have more together than the budget, and what ends is given back.
func TestBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 100
		b := New(limit)
		leases, has := make([]*Lease, 5), make([]int64, 5)
		for i := range leases {
			leases[i] = b.Lease()
		}
		for range 30 {
			i := rapid.IntRange(0, 4).Draw(t, "lease")
			if rapid.IntRange(0, 3).Draw(t, "ends") == 0 {
				leases[i].End()
				has[i] = 0
				continue
			}
			asked := rapid.Int64Range(0, 60).Draw(t, "bytes")
			var others int64
			for j := range has {
				if j != i {
					others += has[j]
				}
			}
			granted := leases[i].Grow(asked)
			if want := asked <= has[i] || others+asked <= limit; granted != want {
				t.Fatalf("asked for %d beside %d: want %v, got %v", asked, others, want, granted)
			}
			if granted {
				has[i] = max(has[i], asked)
			}
			if sum := others + has[i]; b.Held() != sum || sum > limit {
				t.Fatalf("want %d held, got %d", sum, b.Held())
			}
		}
		for _, l := range leases {
			l.End()
		}
		if b.Held() != 0 {
			t.Fatalf("want nothing held in the end, got %d", b.Held())
		}
	})
}

// TestFairBudget: whatever leases do, an owner has one large one at most, and all owners two; a lease is refused for no other
// reason than that, or the limit.
func TestFairBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit, large = 100, 20
		b := NewFair(limit, large, 1, 2)
		owners := []string{"a", "a", "b", "b", "c"}
		leases, has := make([]*Lease, len(owners)), make([]int64, len(owners))
		for i, owner := range owners {
			leases[i] = b.LeaseFor(owner)
		}
		for range 40 {
			i, bytes := rapid.IntRange(0, len(owners)-1).Draw(t, "lease"), rapid.Int64Range(0, 50).Draw(t, "bytes")
			if rapid.Bool().Draw(t, "shrinks") {
				leases[i].Shrink(bytes)
				has[i] = min(has[i], bytes)
				continue
			}
			var others int64
			its, all := 0, 0
			for j := range has {
				if j == i {
					continue
				}
				if others += has[j]; has[j] > large {
					all++
					if owners[j] == owners[i] {
						its++
					}
				}
			}
			want := bytes <= has[i] || others+bytes <= limit && (bytes <= large || has[i] > large || its < 1 && all < 2)
			granted := leases[i].Grow(bytes)
			if granted != want {
				t.Fatalf("asked for %d beside %v: want %v, got %v", bytes, has, want, granted)
			}
			if granted {
				has[i] = max(has[i], bytes)
			}
		}
		for _, l := range leases {
			l.End()
		}
		if b.Held() != 0 || len(b.larges) != 0 || b.allLarge != 0 {
			t.Fatalf("want nothing held in the end, got %d, %v, %d", b.Held(), b.larges, b.allLarge)
		}
	})
}

// TestNoBudget: without a budget there is no limit.
func TestNoBudget(t *testing.T) {
	var b *Budget
	var none *Lease
	if !b.Lease().Grow(1<<60) || !none.Grow(1<<60) {
		t.Error("want no limit")
	}
	b.Lease().End()
	none.End()
}

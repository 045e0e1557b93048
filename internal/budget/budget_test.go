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

// Package budget bounds how many bytes all passes of the process hold together, so that many small passes, and some large
// ones, stay within the memory of the controller's container.
package budget

import "sync"

// Budget is a number of bytes that leases share. A nil Budget has no limit and counts nothing.
type Budget struct {
	limit int64
	// large is from how many bytes a lease is a large one; 0 when there are no rules for these. An owner may have perOwner of
	// them, and all owners together inAll.
	large           int64
	perOwner, inAll int

	mu   sync.Mutex
	held int64
	// larges counts the large leases of each owner, and allLarge those of all.
	larges   map[string]int
	allLarge int
}

// New returns a Budget of that many bytes.
func New(limit int64) *Budget { return &Budget{limit: limit} }

// NewFair returns a Budget in which the leases of more than large bytes cannot keep others out: an owner may have perOwner of
// them at once, and all owners together inAll.
func NewFair(limit, large int64, perOwner, inAll int) *Budget {
	return &Budget{limit: limit, large: large, perOwner: perOwner, inAll: inAll, larges: map[string]int{}}
}

// Held returns how many bytes the leases have together, and Limit how many they may have.
func (b *Budget) Held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// Limit returns how many bytes the leases may have together.
func (b *Budget) Limit() int64 { return b.limit }

// Lease returns a lease of no bytes, whose owner is nobody.
func (b *Budget) Lease() *Lease { return b.LeaseFor("") }

// LeaseFor returns a lease of no bytes for an owner, such as a namespace.
func (b *Budget) LeaseFor(owner string) *Lease { return &Lease{budget: b, owner: owner} }

// Lease is what one pass has of a Budget. One goroutine uses it. A nil Lease has no limit.
type Lease struct {
	budget *Budget
	owner  string
	bytes  int64
}

// Grow makes the lease at least that large, and reports false, and changes nothing, when the budget has no room. It never
// waits: who gets no room ends its pass and comes again, so that two that wait for each other cannot be.
func (l *Lease) Grow(bytes int64) bool {
	if l == nil || l.budget == nil || bytes <= l.bytes {
		return true
	}
	b := l.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	becomesLarge := b.isLarge(bytes) && !b.isLarge(l.bytes)
	if b.held-l.bytes+bytes > b.limit || becomesLarge && (b.allLarge >= b.inAll || b.larges[l.owner] >= b.perOwner) {
		return false
	}
	l.set(bytes)
	return true
}

// Shrink makes the lease at most that large.
func (l *Lease) Shrink(bytes int64) {
	if l == nil || l.budget == nil || bytes >= l.bytes {
		return
	}
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.set(bytes)
}

// End gives everything back. The lease can be used anew.
func (l *Lease) End() { l.Shrink(0) }

// set makes the lease that large. The budget is locked.
func (l *Lease) set(bytes int64) {
	b := l.budget
	change := 0
	switch was, is := b.isLarge(l.bytes), b.isLarge(bytes); {
	case is && !was:
		change = 1
	case was && !is:
		change = -1
	}
	if change != 0 {
		b.allLarge += change
		if b.larges[l.owner] += change; b.larges[l.owner] == 0 {
			delete(b.larges, l.owner)
		}
	}
	b.held += bytes - l.bytes
	l.bytes = bytes
}

func (b *Budget) isLarge(bytes int64) bool { return b.large > 0 && bytes > b.large }

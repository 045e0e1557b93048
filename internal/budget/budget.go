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
	// share is how many bytes the leases of one owner may have together; 0 when there is no such rule.
	share int64

	mu   sync.Mutex
	held int64
	// owned counts the bytes of each owner, where there is a share.
	owned map[string]int64
	// waiting are the owners whose leases wait for room, in the order of their turns.
	waiting []*line
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

// Held returns how many bytes the leases have together.
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
	// asked is how many bytes it waits for, and granted is closed when it has them; nil while it does not wait.
	asked   int64
	granted chan struct{}
}

// Held returns how many bytes the lease has.
func (l *Lease) Held() int64 {
	if l == nil || l.budget == nil {
		return 0
	}
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	return l.bytes
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
	if becomesLarge && (b.allLarge >= b.inAll || b.larges[l.owner] >= b.perOwner) {
		return false
	}
	more := bytes - l.bytes
	if b.held+more > b.limit || !b.inShare(l.owner, more) || b.overtakes(l.owner) {
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
	l.budget.serve()
}

// End gives everything back, and ends its waiting. The lease can be used anew.
func (l *Lease) End() {
	if l == nil || l.budget == nil {
		return
	}
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.budget.withdraw(l)
	l.set(0)
	l.budget.serve()
}

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
	if b.share > 0 {
		if b.owned[l.owner] += bytes - l.bytes; b.owned[l.owner] == 0 {
			delete(b.owned, l.owner)
		}
	}
	l.bytes = bytes
}

func (b *Budget) isLarge(bytes int64) bool { return b.large > 0 && bytes > b.large }

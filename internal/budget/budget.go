// Package budget limits the bytes that all reconciles of the process hold together. Many small reconciles, and some large
// ones, then fit in the memory of the controller's container.
package budget

import "sync"

// Budget is a number of bytes that leases share. A nil Budget has no limit and counts nothing.
type Budget struct {
	limit int64
	// large is the size in bytes from which a lease is large; 0 if there is no rule for large leases. An owner may have
	// perOwner large leases, and all owners together inAll.
	large           int64
	perOwner, inAll int
	// share is the maximum bytes of all leases of one owner; 0 if there is no such limit.
	share int64

	mu   sync.Mutex
	held int64
	// owned counts the bytes of each owner, if there is a share.
	owned map[string]int64
	// waiting has the owners whose leases wait for room, in the order of their turns.
	waiting []*line
	// larges counts the large leases of each owner, and allLarge those of all owners.
	larges   map[string]int
	allLarge int
}

// New returns a Budget of limit bytes.
func New(limit int64) *Budget { return &Budget{limit: limit} }

// NewFair returns a Budget in which leases of more than large bytes cannot block others: an owner may have perOwner of them
// at once, and all owners together inAll.
func NewFair(limit, large int64, perOwner, inAll int) *Budget {
	return &Budget{limit: limit, large: large, perOwner: perOwner, inAll: inAll, larges: map[string]int{}}
}

// Shared sets the maximum bytes of all leases of one owner. It returns the Budget, of which there must be no lease yet.
func (b *Budget) Shared(share int64) *Budget {
	b.share, b.owned = min(share, b.limit), map[string]int64{}
	return b
}

// Held returns the bytes of all leases together.
func (b *Budget) Held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// Limit returns the maximum bytes of all leases together.
func (b *Budget) Limit() int64 { return b.limit }

// Lease returns an empty lease without an owner.
func (b *Budget) Lease() *Lease { return b.LeaseFor("") }

// LeaseFor returns an empty lease for an owner, such as a namespace.
func (b *Budget) LeaseFor(owner string) *Lease { return &Lease{budget: b, owner: owner} }

// Lease is the part of a Budget that one reconcile holds. Only one goroutine may use it. A nil Lease has no limit.
type Lease struct {
	budget *Budget
	owner  string
	bytes  int64
	// asked is the bytes that the lease waits for. granted is closed when it has them; nil while it does not wait.
	asked   int64
	granted chan struct{}
}

// Held returns the bytes of the lease.
func (l *Lease) Held() int64 {
	if l == nil || l.budget == nil {
		return 0
	}
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	return l.bytes
}

// Grow increases the lease to at least bytes. If the budget has no room, it returns false and changes nothing. It never
// waits, so that two leases cannot wait for each other: the caller ends its reconcile and retries later.
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

// Shrink reduces the lease to at most bytes.
func (l *Lease) Shrink(bytes int64) {
	if l == nil || l.budget == nil || bytes >= l.bytes {
		return
	}
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.set(bytes)
	l.budget.serve()
}

// End returns all bytes to the budget and stops waiting. The lease can then be used again.
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

// set sets the size of the lease. The budget is locked.
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

// Package budget bounds how many bytes all passes of the process hold together, so that many small passes, and some large
// ones, stay within the memory of the controller's container.
package budget

import "sync"

// Budget is a number of bytes that leases share. A nil Budget has no limit and counts nothing.
type Budget struct {
	limit int64

	mu   sync.Mutex
	held int64
}

// New returns a Budget of that many bytes.
func New(limit int64) *Budget { return &Budget{limit: limit} }

// Held returns how many bytes the leases have together, and Limit how many they may have.
func (b *Budget) Held() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// Limit returns how many bytes the leases may have together.
func (b *Budget) Limit() int64 { return b.limit }

// Lease returns a lease of no bytes.
func (b *Budget) Lease() *Lease { return &Lease{budget: b} }

// Lease is what one pass has of a Budget. One goroutine uses it. A nil Lease has no limit.
type Lease struct {
	budget *Budget
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
	if b.held-l.bytes+bytes > b.limit {
		return false
	}
	b.held += bytes - l.bytes
	l.bytes = bytes
	return true
}

// End gives everything back. The lease can be used anew.
func (l *Lease) End() {
	if l == nil || l.budget == nil {
		return
	}
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.budget.held -= l.bytes
	l.bytes = 0
}

package budget

import "slices"

// line is the leases of one owner that wait for room, in the order of their calls.
type line struct {
	owner  string
	leases []*Lease
}

// NewShared returns a Budget in which each owner may have at most share bytes, and whose leases can wait for room. Owners
// take turns, so an owner with a thousand waiting leases delays another owner by only one lease.
func NewShared(limit, share int64) *Budget {
	return New(limit).Shared(share)
}

// Most returns the maximum bytes of one lease.
func (b *Budget) Most() int64 {
	if b.share > 0 {
		return b.share
	}
	return b.limit
}

// Ask sets the size of the lease, which must be empty, as soon as there is room, and then closes the channel. End withdraws
// it. A waiting lease holds nothing, so two leases cannot wait for each other. It waits forever for more than Most bytes.
func (l *Lease) Ask(bytes int64) (granted <-chan struct{}) {
	turn := make(chan struct{})
	if l == nil || l.budget == nil {
		close(turn)
		return turn
	}
	b := l.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	l.asked, l.granted = bytes, turn
	i := slices.IndexFunc(b.waiting, func(n *line) bool { return n.owner == l.owner })
	if i < 0 {
		b.waiting = append(b.waiting, &line{owner: l.owner})
		i = len(b.waiting) - 1
	}
	b.waiting[i].leases = append(b.waiting[i].leases, l)
	b.serve()
	return turn
}

// serve gives room to owners in their turns. It skips an owner with a full share. It waits for room for any other owner, so
// that small leases cannot block a large one forever. The budget is locked.
func (b *Budget) serve() {
	for i := 0; i < len(b.waiting); {
		n := b.waiting[i]
		l := n.leases[0]
		if !b.inShare(n.owner, l.asked) {
			i++
			continue
		}
		if b.held+l.asked > b.limit {
			return
		}
		b.waiting = slices.Delete(b.waiting, i, i+1)
		if n.leases = n.leases[1:]; len(n.leases) > 0 {
			b.waiting = append(b.waiting, n)
		}
		l.set(l.asked)
		close(l.granted)
		l.granted = nil
	}
}

// withdraw removes a lease that no longer waits. The others keep their turns. The budget is locked.
func (b *Budget) withdraw(l *Lease) {
	if l.granted == nil {
		return
	}
	l.granted = nil
	for i, n := range b.waiting {
		if n.owner != l.owner {
			continue
		}
		n.leases = slices.DeleteFunc(n.leases, func(other *Lease) bool { return other == l })
		if len(n.leases) == 0 {
			b.waiting = slices.Delete(b.waiting, i, i+1)
		}
		return
	}
}

// inShare reports whether an owner may have this many additional bytes. The budget is locked.
func (b *Budget) inShare(owner string, more int64) bool {
	return b.share == 0 || b.owned[owner]+more <= b.share
}

// overtakes reports whether growth of a lease would take room for which another lease waits: one of the same owner, or one
// that waits only for room in the whole budget. The budget is locked.
func (b *Budget) overtakes(owner string) bool {
	return slices.ContainsFunc(b.waiting, func(n *line) bool {
		return n.owner == owner || b.inShare(n.owner, n.leases[0].asked)
	})
}

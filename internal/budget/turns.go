package budget

import "slices"

// line is the leases of one owner that wait for room, in the order in which they asked.
type line struct {
	owner  string
	leases []*Lease
}

// NewShared returns a Budget of which each owner may have share bytes at most, and whose leases can wait for room. Owners
// have turns, so that one that asks a thousand times delays another one by a single lease.
func NewShared(limit, share int64) *Budget {
	return &Budget{limit: limit, share: min(share, limit), owned: map[string]int64{}}
}

// Most returns how many bytes a lease can have at most.
func (b *Budget) Most() int64 {
	if b.share > 0 {
		return b.share
	}
	return b.limit
}

// Ask makes the lease, which must have no bytes, that large as soon as there is room, and closes the channel then. End
// withdraws. A lease that waits holds nothing, so that two that wait for each other cannot be. It waits forever for more than
// Most bytes.
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

// serve gives room to those in whose turn it is. An owner that has its share is passed over until it gives some back. Any
// other one is waited for, so that small leases do not keep a large one out forever. The budget is locked.
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

// withdraw takes a lease out that does not wait any more. The others keep their turns. The budget is locked.
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

// inShare reports whether an owner may have that many bytes more. The budget is locked.
func (b *Budget) inShare(owner string, more int64) bool {
	return b.share == 0 || b.owned[owner]+more <= b.share
}

// overtakes reports whether a lease of an owner that grows now takes room for which another one waits: one of the same owner,
// or one that only the room of all is too small for. The budget is locked.
func (b *Budget) overtakes(owner string) bool {
	return slices.ContainsFunc(b.waiting, func(n *line) bool {
		return n.owner == owner || b.inShare(n.owner, n.leases[0].asked)
	})
}

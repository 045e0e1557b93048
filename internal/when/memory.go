package when

import (
	"crypto/sha256"
	"sync"
)

// maxRemembered is the minimum number of remembered expressions, and half of the maximum. Each takes at most about a
// kilobyte, because its text is not kept.
const maxRemembered = 1024

// memory keeps the outcome of recent expressions. Each reconcile of a run with waiting tasks evaluates the same expressions
// again.
type memory struct {
	mu sync.Mutex
	// young gets new entries. When it is full it becomes old, and the previous old entries are dropped.
	young, old map[[sha256.Size]byte]answer
}

func (m *memory) get(expression string) (answer, bool) {
	key := sha256.Sum256([]byte(expression))
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.young[key]; ok {
		return v, true
	}
	v, ok := m.old[key]
	return v, ok
}

func (m *memory) put(expression string, v answer) {
	key := sha256.Sum256([]byte(expression))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= maxRemembered {
		m.young, m.old = make(map[[sha256.Size]byte]answer), m.young
	}
	m.young[key] = v
}

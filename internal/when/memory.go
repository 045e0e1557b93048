package when

import (
	"crypto/sha256"
	"sync"
)

// maxRemembered is how many expressions are remembered at least, and half of how many at most. Each takes about a
// kilobyte at most: its text is not kept.
const maxRemembered = 1024

// memory keeps what came of the expressions that were judged last. A run whose tasks wait is judged again in each pass, and
// its expressions have not changed.
type memory struct {
	mu sync.Mutex
	// young gets the new ones; when it is full it becomes old, and what was old is forgotten.
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

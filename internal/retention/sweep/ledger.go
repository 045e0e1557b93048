// Package sweep deletes finished runs by the rules of package retention, and counts the bytes that they have in etcd.
package sweep

import (
	"maps"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/internal/objectsize"
)

// Ledger counts the bytes in etcd of finished runs, by namespace. It follows the events of a cache, so it needs memory for each
// namespace, and none for each run. It is safe for concurrent use.
type Ledger struct {
	mu    sync.Mutex
	bytes map[string]int64
	total int64
}

// NewLedger returns an empty Ledger.
func NewLedger() *Ledger { return &Ledger{bytes: map[string]int64{}} }

// Replace records that the cache has a run in the version after instead of before; nil: it has none.
func (l *Ledger) Replace(before, after metav1.Object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if before != nil {
		l.add(before.GetNamespace(), -int64(objectsize.KeptLength(before)))
	}
	if after != nil {
		l.add(after.GetNamespace(), int64(objectsize.KeptLength(after)))
	}
}

func (l *Ledger) add(namespace string, bytes int64) {
	l.total += bytes
	if l.bytes[namespace] += bytes; l.bytes[namespace] == 0 {
		delete(l.bytes, namespace)
	}
}

// Total returns the bytes of all namespaces.
func (l *Ledger) Total() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// All returns the bytes of each namespace with a finished run.
func (l *Ledger) All() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.bytes)
}

// Namespaces returns the namespaces with a finished run, sorted.
func (l *Ledger) Namespaces() []string { return slices.Sorted(maps.Keys(l.All())) }

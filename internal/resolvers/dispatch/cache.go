package dispatch

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

const (
	// CacheMemory is the maximum memory of the kept definitions, in bytes.
	CacheMemory = 32 << 20
	// DefaultMaxEntries is the default of max-size of resolver-cache-config.
	DefaultMaxEntries = 1000
	// DefaultTTL is the default of ttl of resolver-cache-config.
	DefaultTTL = 5 * time.Minute
	// keepImmutable is how long a definition that never changes is kept. The source may withdraw it later.
	keepImmutable = 24 * time.Hour
	// entryOverhead is the approximate memory of an entry without its texts.
	entryOverhead = 1 << 10
)

// Key identifies a definition, with what was used to read it.
type Key [sha256.Size]byte

// Cache keeps the definitions that were used last. It is safe for concurrent use.
type Cache struct {
	limits func() Limits
	now    func() time.Time

	mu      sync.Mutex
	entries map[Key]*list.Element
	order   *list.List // of entry, the last used first
	bytes   int
}

// Limits are the settings of a Cache.
type Limits struct {
	// MaxEntries is the maximum number of definitions.
	MaxEntries int
	// TTL is how long a definition is kept that may change.
	TTL time.Duration
}

type entry struct {
	key      Key
	resource *resolvers.Resource
	size     int
	until    time.Time
}

// NewCache returns an empty cache. It calls limits at each use, and now for the time.
func NewCache(limits func() Limits, now func() time.Time) *Cache {
	return &Cache{limits: limits, now: now, entries: map[Key]*list.Element{}, order: list.New()}
}

// Get returns a definition that is kept, or nil.
func (c *Cache) Get(key Key) *resolvers.Resource {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return nil
	}
	found, ok := element.Value.(entry)
	if !ok || !c.now().Before(found.until) {
		c.drop(element)
		return nil
	}
	c.order.MoveToFront(element)
	return found.resource
}

// Add keeps a definition.
func (c *Cache) Add(key Key, resource *resolvers.Resource, immutable bool) {
	limits := c.limits()
	keep := limits.TTL
	if immutable {
		keep = keepImmutable
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.entries[key]; ok {
		c.drop(old)
	}
	size := entryOverhead + sizeOf(resource)
	c.entries[key] = c.order.PushFront(entry{key: key, resource: resource, size: size, until: c.now().Add(keep)})
	for c.bytes += size; c.order.Len() > 0 && (c.bytes > CacheMemory || c.order.Len() > limits.MaxEntries); {
		c.drop(c.order.Back())
	}
}

// drop removes an entry. The lock is held.
func (c *Cache) drop(element *list.Element) {
	if old, ok := c.order.Remove(element).(entry); ok {
		delete(c.entries, old.key)
		c.bytes -= old.size
	}
}

// Load returns the number of kept definitions, and their bytes.
func (c *Cache) Load() (entries, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len(), c.bytes
}

// sizeOf returns the bytes of the texts of a resource.
func sizeOf(r *resolvers.Resource) int {
	size := len(r.Content) + len(r.Source.URI) + len(r.Source.EntryPoint)
	for _, texts := range []map[string]string{r.Source.Digest, r.Annotations} {
		for key, value := range texts {
			size += len(key) + len(value)
		}
	}
	return size
}

package image

import (
	"container/list"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// CacheMemory is the maximum memory of the manifests that are remembered, in bytes.
const CacheMemory = 8 << 20

const (
	// maxCached is the maximum number of cached manifests, and maxCachedBytes that of their bytes.
	maxCached      = 1000
	maxCachedBytes = CacheMemory
	// entryOverhead is the approximate memory of an entry without its strings, and wordOverhead that of a string without its
	// bytes.
	entryOverhead = 512
	wordOverhead  = 16
)

// cacheKey is the source of a manifest, with the namespace of the credentials, or empty for anonymous access.
type cacheKey struct {
	scope, repository string
	digest            v1.Hash
}

// cache keeps the manifests that were used last.
type cache struct {
	mu      sync.Mutex
	entries map[cacheKey]*list.Element
	order   *list.List // of cached, the last used first
	bytes   int
}

type cached struct {
	key  cacheKey
	m    manifest
	size int
}

func newCache() *cache { return &cache{entries: map[cacheKey]*list.Element{}, order: list.New()} }

func (c *cache) get(k cacheKey) (manifest, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[k]
	if !ok {
		return manifest{}, false
	}
	c.order.MoveToFront(e)
	known, ok := e.Value.(cached)
	return known.m, ok
}

func (c *cache) add(k cacheKey, m manifest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[k]; ok {
		return // content with a digest never changes
	}
	size := entryOverhead + len(k.scope) + len(k.repository) + len(k.digest.Hex) + m.size()
	c.entries[k] = c.order.PushFront(cached{k, m, size})
	for c.bytes += size; c.bytes > maxCachedBytes || c.order.Len() > maxCached; {
		oldest, ok := c.order.Remove(c.order.Back()).(cached)
		if !ok {
			return
		}
		delete(c.entries, oldest.key)
		c.bytes -= oldest.size
	}
}

// size returns the approximate memory of a manifest in bytes.
func (m manifest) size() int {
	n := 0
	for _, words := range [][]string{m.entrypoint, m.cmd} {
		for _, word := range words {
			n += len(word) + wordOverhead
		}
	}
	for _, v := range m.images {
		n += len(v.platform) + len(v.architecture) + len(v.digest.Algorithm) + len(v.digest.Hex) + 4*wordOverhead
	}
	return n
}

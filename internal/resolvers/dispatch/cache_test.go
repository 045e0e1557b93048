package dispatch

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// TestCache: whatever is added, the cache stays within its limits, returns only what was added last under a key, and nothing
// that is too old.
func TestCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{MaxEntries: rapid.IntRange(1, 5).Draw(t, "entries"), TTL: time.Minute}
		now := time.Unix(0, 0)
		c := NewCache(func() Limits { return limits }, func() time.Time { return now })
		type added struct {
			resource *resolvers.Resource
			until    time.Time
		}
		model := map[Key]added{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := Key{rapid.Byte().Draw(t, "key") % 8}
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(1, 50).Draw(t, "seconds")) * time.Second)
			case 1:
				size := rapid.SampledFrom([]int{0, 1000, CacheMemory / 3, CacheMemory + 1}).Draw(t, "size")
				immutable := rapid.Bool().Draw(t, "immutable")
				resource := &resolvers.Resource{Content: []byte(strings.Repeat("x", size))}
				c.Add(key, resource, immutable)
				until := now.Add(limits.TTL)
				if immutable {
					until = now.Add(keepImmutable)
				}
				model[key] = added{resource: resource, until: until}
			default:
				found := c.Get(key)
				if want := model[key]; found != nil && (found != want.resource || !now.Before(want.until)) {
					t.Fatal("the cache returned another definition than was added, or an old one")
				}
			}
			entries, bytes := c.Load()
			if entries > limits.MaxEntries || bytes > CacheMemory || bytes < 0 || entries != len(c.entries) {
				t.Fatalf("the cache has %d definitions with %d bytes, and %d keys", entries, bytes, len(c.entries))
			}
		}
	})
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := NewCache(func() Limits { return Limits{MaxEntries: 2, TTL: time.Minute} }, time.Now)
	resource := &resolvers.Resource{Content: []byte("x")}
	c.Add(Key{1}, resource, false)
	c.Add(Key{2}, resource, false)
	if c.Get(Key{1}) == nil {
		t.Fatal("want the first definition")
	}
	c.Add(Key{3}, resource, false)
	if c.Get(Key{1}) == nil || c.Get(Key{2}) != nil || c.Get(Key{3}) == nil {
		t.Error("want the definition dropped that was not used")
	}
}

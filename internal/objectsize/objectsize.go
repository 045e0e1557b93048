// Package objectsize computes the stored size of API objects. The controller can then report an object that is too large
// before etcd refuses it.
package objectsize

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/results"
)

// Reserve is the room in bytes that every object keeps free for what the API server writes into it (managedFields), and for
// what etcd adds to a request.
const Reserve = 16 << 10

// Limit is the maximum length of an object in bytes, encoded as JSON.
const Limit = results.ObjectLimit - Reserve

// Encoded returns the length of v in bytes as the API server stores a custom resource: JSON in which "<", ">" and "&" take
// six bytes each, as in Go's encoder. For a value that cannot be encoded it returns more than any limit.
func Encoded(v any) int {
	var n counter
	if err := json.NewEncoder(&n).Encode(v); err != nil {
		return results.ObjectLimit
	}
	return int(n) - len("\n")
}

// counter counts the bytes that are written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Part is a part of an object.
type Part struct {
	// Name is the name of the part.
	Name string
	// Size is the length in bytes, encoded.
	Size int
}

// PartOf returns the part with this name and value.
func PartOf(name string, value any) Part { return Part{Name: name, Size: Encoded(value)} }

// Largest names the three largest parts, largest first. Noun is their name in the plural.
func Largest(noun string, parts []Part) string {
	if len(parts) == 0 {
		return "it has no " + noun
	}
	sorted := slices.Clone(parts)
	slices.SortStableFunc(sorted, func(a, b Part) int { return cmp.Compare(b.Size, a.Size) })
	named := make([]string, 0, 3)
	for _, p := range sorted[:min(3, len(sorted))] {
		named = append(named, fmt.Sprintf("%q with %d", p.Name, p.Size))
	}
	return "the largest " + noun + ", encoded: " + strings.Join(named, ", ")
}

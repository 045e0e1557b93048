// Package objectsize computes what an API object takes when it is stored, so that one that is too large is known by name
// before etcd refuses it for ever.
package objectsize

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/results"
)

// Reserve is kept free in every object, in bytes, for what the API server itself writes into it (managedFields) and for
// what etcd adds to a request.
const Reserve = 16 << 10

// Limit is what an object may have, encoded as JSON, in bytes.
const Limit = results.ObjectLimit - Reserve

// Encoded is the length of v in bytes as the API server stores a custom resource: JSON in which "<", ">" and "&" take
// six bytes each, as in Go's encoder. A value that cannot be encoded is as large as none may be.
func Encoded(v any) int {
	var n counter
	if err := json.NewEncoder(&n).Encode(v); err != nil {
		return results.ObjectLimit
	}
	return int(n) - len("\n")
}

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Part is something in an object that takes room.
type Part struct {
	// Name of the part.
	Name string
	// Size in bytes, encoded.
	Size int
}

// PartOf is the part of this name that holds value.
func PartOf(name string, value any) Part { return Part{Name: name, Size: Encoded(value)} }

// Largest names the three parts that take most, largest first; noun says what they are, in the plural.
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

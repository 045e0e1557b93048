// Package plan defines the runs of a soak: the number of their steps and results, and every byte of them. Everything follows
// from a seed, so that the step that writes a result and the check compute the same plan separately.
package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
)

// The types of results, as the API names them.
const (
	String = "string"
	Array  = "array"
	Object = "object"
)

const (
	// Largest is the maximum number of bytes of the results of one run.
	Largest = 1400000
	// objectBudget is the number of bytes that all results of one run may take in the encoded object: etcd's default limit of
	// 1.5 MiB, without the other parts of a TaskRun.
	objectBudget = 1500000
	// maxSteps and maxResults bound a run.
	maxSteps, maxResults = 3, 5
	// maxElements is the maximum number of elements of an array or object.
	maxElements = 40
)

// Run is the plan of one run of a soak.
type Run struct {
	// Steps is the number of its steps, 1 to 3.
	Steps int
	// Results in the order in which the task declares them.
	Results []Result
}

// Result is one result of a run.
type Result struct {
	// Name of the result.
	Name string
	// Type is String, Array or Object.
	Type string
	// Kind of its content.
	Kind string
	// Step is the index of the step that writes it.
	Step int

	text     string
	elements []string
	object   map[string]string
}

// Make returns the run with the given number and seed. The same arguments always give the same run.
func Make(seed uint64, number int) Run { return MakeWithin(seed, number, Largest) }

// MakeWithin is like Make, for a run whose results together have at most the given number of bytes.
func MakeWithin(seed uint64, number, largest int) Run {
	r := rand.New(rand.NewPCG(seed, uint64(number)))
	run := Run{Steps: 1 + r.IntN(maxSteps), Results: make([]Result, 1+r.IntN(maxResults))}
	total := min(size(r), largest)
	for i, share := range split(r, total, len(run.Results)) {
		kinds := content.All()
		kind := kinds[r.IntN(len(kinds))]
		run.Results[i] = draw(r, kind, []string{String, String, Array, Object}[r.IntN(4)], share)
		run.Results[i].Name = fmt.Sprintf("r%d-%s", i, kind.Name)
		run.Results[i].Step = r.IntN(run.Steps)
	}
	return run
}

// size generates the total size of all values of a run, from 1 to Largest. One run in eight has a size at a limit: of a
// termination message, of a log line, of a buffer, or the maximum. One in four has any size with equal probability, so most
// of them are large. For the rest, each order of magnitude has equal probability.
func size(r *rand.Rand) int {
	edges := []int{1, 4095, 4096, 4097, 8191, 8192, 65535, 65536, 262144, 1 << 20, Largest}
	switch r.IntN(8) {
	case 0:
		return edges[r.IntN(len(edges))]
	case 1, 2:
		return 1 + r.IntN(Largest)
	default:
		return int(math.Exp(r.Float64() * math.Log(Largest)))
	}
}

// split divides total into random parts, each of which may be 0.
func split(r *rand.Rand, total, parts int) []int {
	weights, sum := make([]float64, parts), 0.0
	for i := range weights {
		weights[i] = r.Float64()
		sum += weights[i]
	}
	shares, left := make([]int, parts), total
	for i := range shares {
		shares[i] = min(left, int(float64(total)*weights[i]/sum))
		left -= shares[i]
	}
	shares[0] += left
	return shares
}

// draw generates a result whose values have share bytes, or fewer if they would not fit: some contents take six times their
// length in an object, and all results of a run share one object.
func draw(r *rand.Rand, kind content.Kind, resultType string, share int) Result {
	result := Result{Type: resultType, Kind: kind.Name}
	for {
		switch resultType {
		case Array:
			result.elements = elements(r, kind, share)
		case Object:
			result.object = map[string]string{}
			for i, element := range elements(r, kind, share) {
				result.object[fmt.Sprintf("key-%d", i)] = element
			}
		default:
			result.text = kind.Draw(r, share)
		}
		// A part of Largest may take the same part of the object, and of what is written to the file.
		room := max(64, share*objectBudget/Largest)
		if taken := max(result.encoded(), len(result.File())); share > 0 && taken > room {
			share = min(share-1, share*room/taken)
			continue
		}
		return result
	}
}

// elements generates the elements of an array, with about share bytes together.
func elements(r *rand.Rand, kind content.Kind, share int) []string {
	all := []string{} // an empty array is a JSON array, too
	for i, n := range split(r, share, 1+r.IntN(maxElements)) {
		if i > 0 && n == 0 {
			continue
		}
		all = append(all, kind.Draw(r, n))
	}
	return all
}

// encoded returns the number of bytes of the value in the TaskRun's object.
func (r Result) encoded() int {
	b, err := json.Marshal(r.Value())
	if err != nil {
		panic(err) // strings, and lists and maps of them, always encode
	}
	return len(b)
}

// Value returns the expected value in the API: a string, a list of strings, or a map of strings.
func (r Result) Value() any {
	switch r.Type {
	case Array:
		return r.elements
	case Object:
		return r.object
	default:
		return r.text
	}
}

// APIValue returns Value in the type of the API.
func (r Result) APIValue() v1.Value {
	switch r.Type {
	case Array:
		return v1.ArrayValue(r.elements...)
	case Object:
		return v1.ObjectValue(r.object)
	default:
		return v1.StringValue(r.text)
	}
}

// Keys returns the keys of an object, and nothing for other types.
func (r Result) Keys() []string { return slices.Sorted(maps.Keys(r.object)) }

// File returns what a step writes: the value itself, or JSON, which may contain more escapes than necessary.
func (r Result) File() []byte {
	if r.Type == String {
		return []byte(r.text)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(strings.HasSuffix(r.Name, "markup"))
	if err := encoder.Encode(r.Value()); err != nil {
		panic(err) // strings, and lists and maps of them, always encode
	}
	return b.Bytes()
}

// Size returns the number of bytes of the value: of the text, or of all elements.
func (r Result) Size() int {
	size := len(r.text)
	for _, element := range r.elements {
		size += len(element)
	}
	for _, element := range r.object {
		size += len(element)
	}
	return size
}

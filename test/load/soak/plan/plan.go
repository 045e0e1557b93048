// Package plan says what the runs of a soak are: how many steps and results each has, and every byte of them. All of it
// follows from a seed, so that who checks a result and who writes it need not ask each other.
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
	// Largest is the most bytes that the results of one run have.
	Largest = 1400000
	// objectBudget is what all results of one run may take in the encoded object, in bytes: what etcd takes by default,
	// 1.5 MiB, without what else is in a TaskRun.
	objectBudget = 1500000
	// maxSteps and maxResults bound a run.
	maxSteps, maxResults = 3, 5
	// maxElements is how many elements an array or object has at most.
	maxElements = 40
)

// Run is what one run of a soak has to bring back.
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
	// Step that writes it, from 0.
	Step int

	text     string
	elements []string
	object   map[string]string
}

// Make returns the run with the given number of the soak with the given seed: always the same for the same numbers.
func Make(seed uint64, number int) Run { return MakeWithin(seed, number, Largest) }

// MakeWithin is like Make for a run whose results together have at most so many bytes.
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

// size draws the bytes of all values of a run, from 1 to Largest. One run in eight has a size at which something changes:
// a termination message, a log line, a buffer, the most there is. One in four has any size as likely as another, so that
// most of those are large; of the rest each order of magnitude comes as often as another.
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

// split cuts total into parts by chance, of which each may be 0.
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

// draw draws a result whose values have share bytes, or fewer where they would not fit: some contents take six times
// their length in an object, and all results of a run are in one.
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
		// A share of Largest may take that share of the object, and of what is written to the file.
		room := max(64, share*objectBudget/Largest)
		if taken := max(result.encoded(), len(result.File())); share > 0 && taken > room {
			share = min(share-1, share*room/taken)
			continue
		}
		return result
	}
}

// elements draws the elements of an array: together they have about share bytes.
func elements(r *rand.Rand, kind content.Kind, share int) []string {
	all := []string{} // a JSON array also when it has none
	for i, n := range split(r, share, 1+r.IntN(maxElements)) {
		if i > 0 && n == 0 {
			continue
		}
		all = append(all, kind.Draw(r, n))
	}
	return all
}

// encoded is how many bytes the value takes in the TaskRun's object.
func (r Result) encoded() int {
	b, err := json.Marshal(r.Value())
	if err != nil {
		panic(err) // strings, and lists and maps of them
	}
	return len(b)
}

// Value is what the API has to hold: a string, a list of strings, or a map of strings.
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

// APIValue is Value as the API has it.
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

// Keys of an object; none of anything else.
func (r Result) Keys() []string { return slices.Sorted(maps.Keys(r.object)) }

// File is what a step writes: the value itself, or JSON, which may escape what it need not.
func (r Result) File() []byte {
	if r.Type == String {
		return []byte(r.text)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(strings.HasSuffix(r.Name, "markup"))
	if err := encoder.Encode(r.Value()); err != nil {
		panic(err) // strings, and lists and maps of them
	}
	return b.Bytes()
}

// Size is the number of bytes of the value: of the text, or of all elements.
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

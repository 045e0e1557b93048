package plan

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/test/suites/e2e/content"
)

const (
	seed = 11
	runs = 100
)

// value decodes a result's file as the controller does.
func value(t *testing.T, r Result) any {
	t.Helper()
	var (
		list   []string
		object map[string]string
		err    error
	)
	switch r.Type {
	case Array:
		err = json.Unmarshal(r.File(), &list)
	case Object:
		err = json.Unmarshal(r.File(), &object)
	default:
		return string(r.File())
	}
	if err != nil {
		t.Errorf("the file of result %q is not JSON: %v", r.Name, err)
	}
	if r.Type == Array {
		return list
	}
	return object
}

func TestMake(t *testing.T) {
	types, kinds, smallest, largest := map[string]bool{}, map[string]bool{}, Largest, 0
	for number := range runs {
		run := Make(seed, number)
		size, encoded, written := 0, 0, 0
		for _, r := range run.Results {
			types[r.Type], kinds[r.Kind] = true, true
			size, encoded, written = size+r.Size(), encoded+r.encoded(), written+len(r.File())
			if r.Step < 0 || r.Step >= run.Steps {
				t.Errorf("run %d: result %q is written by step %d of %d", number, r.Name, r.Step, run.Steps)
			}
			if !utf8.Valid(r.File()) {
				t.Errorf("run %d: result %q is not valid UTF-8, so that it would be refused", number, r.Name)
			}
			if diff := cmp.Diff(r.Value(), value(t, r)); diff != "" {
				t.Errorf("run %d: the file of result %q has another value (-want +got):\n%.500s", number, r.Name, diff)
			}
		}
		if size > Largest || encoded > objectBudget+64*maxResults || written > objectBudget+64*maxResults {
			t.Errorf("run %d has %d bytes, %d encoded, %d written: it would not fit", number, size, encoded, written)
		}
		smallest, largest = min(smallest, size), max(largest, size)
	}
	if len(types) != 3 || len(kinds) != len(content.All()) {
		t.Errorf("%d runs have only the types %v and kinds %v", runs, types, kinds)
	}
	if smallest > 10 || largest < Largest/2 {
		t.Errorf("%d runs have from %d to %d bytes; small and large ones are missing", runs, smallest, largest)
	}
}

func TestMakeIsTheSameForTheSameNumbers(t *testing.T) {
	files := func(seed uint64, number int) (all []string) {
		for _, r := range Make(seed, number).Results {
			all = append(all, r.Name+r.Type+string(r.File()))
		}
		return all
	}
	const number = 8
	if !cmp.Equal(files(seed, number), files(seed, number)) {
		t.Error("the check would expect another value than the step writes")
	}
	if cmp.Equal(files(seed, number), files(seed+1, number)) || cmp.Equal(files(seed, number), files(seed, number+1)) {
		t.Error("other numbers must give other runs")
	}
}

func TestSplitLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 0))
	for _, total := range []int{0, 1, 2, 17, Largest} {
		for parts := 1; parts < maxElements; parts++ {
			sum := 0
			for _, share := range split(r, total, parts) {
				if share < 0 {
					t.Fatalf("a part of %d is %d", total, share)
				}
				sum += share
			}
			if sum != total {
				t.Errorf("%d in %d parts are %d", total, parts, sum)
			}
		}
	}
}

func TestMakeWithin(t *testing.T) {
	const largest = 1000
	for number := range runs {
		size := 0
		for _, r := range MakeWithin(seed, number, largest).Results {
			size += r.Size()
			if diff := cmp.Diff(r.Value(), apiValue(r)); diff != "" {
				t.Errorf("run %d: the API has another value for result %q (-want +got):\n%.500s", number, r.Name, diff)
			}
		}
		if size > largest {
			t.Errorf("run %d has results with %d bytes, at most %d are allowed", number, size, largest)
		}
	}
}

func apiValue(r Result) any {
	switch value := r.APIValue(); value.Type {
	case Array:
		return value.Array
	case Object:
		return value.Object
	default:
		return value.String
	}
}

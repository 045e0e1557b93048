package hostile

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"

	"github.com/sluice-ci/sluice/internal/validation"
)

// TestFlood: the API accepts the run, and the status of each of its TaskRuns fits an object.
func TestFlood(t *testing.T) {
	run := Flood("here", "name", "image")
	validation.DefaultPipelineRun(run)
	if errs := validation.PipelineRun(run); len(errs) > 0 {
		t.Errorf("it is refused: %v", errs)
	}
	status := FloodStatus()
	text, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > Limit || len(status.Results)*resultSize*Copies != FloodBytes || !status.Done() {
		t.Errorf("a status has %d bytes, and %d results", len(text), len(status.Results))
	}
}

// TestObjects: each object has the maximum size, is the same each time, and shrinks with its relative size.
func TestObjects(t *testing.T) {
	seen := map[string]bool{}
	for i, o := range Objects("image") {
		t.Run(o.Name, func(t *testing.T) {
			whole, err := json.Marshal(o.Build("here", "name", 1))
			if err != nil {
				t.Fatal(err)
			}
			if len(whole) > Limit || len(whole) < Limit/3 {
				t.Errorf("it has %d bytes; want between %d and %d", len(whole), Limit/3, Limit)
			}
			small, err := json.Marshal(o.Build("here", "name", 0.1))
			if err != nil {
				t.Fatal(err)
			}
			if len(small) > len(whole)/4 {
				t.Errorf("a tenth of it has %d bytes, and all of it %d", len(small), len(whole))
			}
			again, err := json.Marshal(Objects("image")[i].Build("here", "name", 0.1))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(small), string(again)); diff != "" {
				t.Errorf("it differs the second time: %.200s", diff)
			}
			if problems := utilvalidation.IsDNS1123Label(o.Name); len(problems) > 0 || seen[o.Name] || o.What == "" {
				t.Errorf("its name is %q (%v), its text %q", o.Name, problems, o.What)
			}
			seen[o.Name] = true
		})
	}
}

package guard_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/entrypoint/guard"
	"github.com/sluice-ci/sluice/internal/entrypoint/reference"
	"github.com/sluice-ci/sluice/internal/results"
)

func TestParse(t *testing.T) {
	for name, text := range map[string]string{"NoJSON": "in", "NoOperator": "{}", "OtherOperator": `{"operator":"In"}`, "OtherType": `{"operator":"in","values":"a"}`} {
		t.Run(name, func(t *testing.T) {
			if c, err := guard.Parse(text); err == nil {
				t.Errorf("Parse(%q) gave %+v", text, c)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte(`["x","y"]`), 0o644); err != nil {
		t.Fatal(err)
	}
	list := results.File{Declared: results.Declared{Name: "list", Type: results.TypeArray}, Path: filepath.Join(dir, "list")}
	gone := results.File{Declared: results.Declared{Name: "gone", Type: results.TypeString}, Path: filepath.Join(dir, "gone")}
	e := reference.NewExpander([]reference.Reference{
		{Token: "ALL", File: list, Whole: true, Index: reference.NoIndex}, {Token: "FIRST", File: list}, {Token: "GONE", File: gone, Index: reference.NoIndex},
	}, 100)
	cases := map[string]struct {
		reason string
		c      guard.Condition
		want   bool
		fails  bool
	}{
		"In":         {"One of the values is enough.", guard.Condition{Input: "a", Operator: "in", Values: []string{"b", "a"}}, true, false},
		"InNone":     {"None of them is not.", guard.Condition{Input: "a", Operator: "in", Values: []string{"b"}}, false, false},
		"InNothing":  {"Nothing is in no values.", guard.Condition{Operator: "in"}, false, false},
		"NotIn":      {"None of the values is the input.", guard.Condition{Input: "a", Operator: "notin", Values: []string{"b"}}, true, false},
		"NotInOne":   {"One of them is.", guard.Condition{Input: "a", Operator: "notin", Values: []string{"a"}}, false, false},
		"Result":     {"The input can be a result.", guard.Condition{Input: "<FIRST>", Operator: "in", Values: []string{"<x>"}}, true, false},
		"WholeArray": {"Values can be all of an array.", guard.Condition{Input: "y", Operator: "in", Values: []string{"ALL"}}, true, false},
		"NoInput":    {"What cannot be had is an error.", guard.Condition{Input: "GONE", Operator: "notin"}, false, true},
		"NoValue":    {"Also among the values.", guard.Condition{Operator: "in", Values: []string{"GONE"}}, false, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(tc.c)
			if err != nil {
				t.Fatal(err)
			}
			c, err := guard.Parse(string(text))
			if diff := cmp.Diff(tc.c, c); err != nil || diff != "" {
				t.Fatalf("error %v, -want +got:\n%s", err, diff)
			}
			got, err := c.Holds(e)
			if got != tc.want || (err != nil) != tc.fails {
				t.Errorf("%s\ngot %t, %v", tc.reason, got, err)
			}
		})
	}
}

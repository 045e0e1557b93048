package when_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

func TestParse(t *testing.T) {
	for name, text := range map[string]string{"NoJSON": "in", "NoOperator": "{}", "OtherOperator": `{"operator":"In"}`, "OtherType": `{"operator":"in","values":"a"}`} {
		t.Run(name, func(t *testing.T) {
			if c, err := when.Parse(text); err == nil {
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
	e := stepresult.NewExpander([]stepresult.Reference{
		{Token: "ALL", File: list, Whole: true, Index: stepresult.NoIndex}, {Token: "FIRST", File: list}, {Token: "GONE", File: gone, Index: stepresult.NoIndex},
	}, 100)
	cases := map[string]struct {
		reason string
		c      when.Condition
		want   bool
		fails  bool
	}{
		"In":         {"One of the values is enough.", when.Condition{Input: "a", Operator: "in", Values: []string{"b", "a"}}, true, false},
		"InNone":     {"None of them is not.", when.Condition{Input: "a", Operator: "in", Values: []string{"b"}}, false, false},
		"InNothing":  {"Nothing is in no values.", when.Condition{Operator: "in"}, false, false},
		"NotIn":      {"None of the values is the input.", when.Condition{Input: "a", Operator: "notin", Values: []string{"b"}}, true, false},
		"NotInOne":   {"One of them is.", when.Condition{Input: "a", Operator: "notin", Values: []string{"a"}}, false, false},
		"Result":     {"The input can be a result.", when.Condition{Input: "<FIRST>", Operator: "in", Values: []string{"<x>"}}, true, false},
		"WholeArray": {"Values can be all of an array.", when.Condition{Input: "y", Operator: "in", Values: []string{"ALL"}}, true, false},
		"NoInput":    {"What cannot be had is an error.", when.Condition{Input: "GONE", Operator: "notin"}, false, true},
		"NoValue":    {"Also among the values.", when.Condition{Operator: "in", Values: []string{"GONE"}}, false, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(tc.c)
			if err != nil {
				t.Fatal(err)
			}
			c, err := when.Parse(string(text))
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

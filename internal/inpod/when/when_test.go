package when_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

func TestParse(t *testing.T) {
	for name, text := range map[string]string{
		"NoJSON":        "in",
		"NoOperator":    "{}",
		"OtherOperator": `{"operator":"In"}`,
		"OtherType":     `{"operator":"in","values":"a"}`,
		"Both":          `{"operator":"in","expression":{"op":"true"}}`,
	} {
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
		{Token: "ALL", File: list, Whole: true, Index: stepresult.NoIndex},
		{Token: "FIRST", File: list},
		{Token: "GONE", File: gone, Index: stepresult.NoIndex},
	}, 100)
	cases := map[string]struct {
		reason string
		c      when.Condition
		want   bool
		fails  bool
	}{
		"In": {
			reason: "One of the values is enough.",
			c:      when.Condition{Input: "a", Operator: "in", Values: []string{"b", "a"}},
			want:   true,
		},
		"InNone": {
			reason: "None of them is not.",
			c:      when.Condition{Input: "a", Operator: "in", Values: []string{"b"}},
		},
		"InNothing": {
			reason: "Nothing is in no values.",
			c:      when.Condition{Operator: "in"},
		},
		"NotIn": {
			reason: "None of the values is the input.",
			c:      when.Condition{Input: "a", Operator: "notin", Values: []string{"b"}},
			want:   true,
		},
		"NotInOne": {
			reason: "One of them is.",
			c:      when.Condition{Input: "a", Operator: "notin", Values: []string{"a"}},
		},
		"Result": {
			reason: "The input can be a result.",
			c:      when.Condition{Input: "<FIRST>", Operator: "in", Values: []string{"<x>"}},
			want:   true,
		},
		"WholeArray": {
			reason: "Values can be all of an array.",
			c:      when.Condition{Input: "y", Operator: "in", Values: []string{"ALL"}},
			want:   true,
		},
		"NoInput": {
			reason: "What cannot be had is an error.",
			c:      when.Condition{Input: "GONE", Operator: "notin"},
			fails:  true,
		},
		"NoValue": {
			reason: "Also among the values.",
			c:      when.Condition{Operator: "in", Values: []string{"GONE"}},
			fails:  true,
		},
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

// TestExpressionsOfOtherForm: an expression that the controller does not make is an error, and no panic.
func TestExpressionsOfOtherForm(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"op":"text"}`, `{"op":"text","texts":["a","b"]}`, `{"op":"text","texts":["a"]}`, `{"op":"list"}`, `{"op":"number","number":1}`,
		`{"op":"&&"}`, `{"op":"!","args":[{"op":"number"}]}`, `{"op":"?:","args":[{"op":"true"}]}`, `{"op":"==","args":[{"op":"true"}]}`,
		`{"op":"==","args":[{"op":"true"},{"op":"number"}]}`, `{"op":"<","args":[{"op":"true"},{"op":"true"}]}`,
		`{"op":"in","args":[{"op":"list"},{"op":"list"}]}`, `{"op":"size","args":[{"op":"true"}]}`, `{"op":"other","args":[{},{}]}`,
		`{"op":"matches","args":[{"op":"text","texts":["a"]},{"op":"text","texts":["("]}]}`,
		`{"op":"+","args":[{"op":"text","texts":["a"]},{"op":"text","texts":["b"]}]}`,
		strings.Repeat(`{"op":"!","args":[`, 200) + `{"op":"true"}` + strings.Repeat("]}", 200),
	} {
		c, err := when.Parse(`{"expression":` + text + `}`)
		if err != nil {
			t.Fatal(err)
		}
		if holds, err := c.Holds(stepresult.NewExpander(nil, 100)); err == nil || holds {
			t.Errorf("%.60s: want an error, got %t", text, holds)
		}
	}
}

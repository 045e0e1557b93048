package stepresult_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/results"
)

func file(typ, path string) results.File {
	return results.File{Declared: results.Declared{Name: "step-a.r", Type: typ}, Path: path}
}

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   stepresult.Reference
		fails  bool
	}{
		"Bare": {
			reason: "A result as it is.",
			text:   "T step-a.r:string=/s/r",
			want:   stepresult.Reference{Token: "T", File: file("string", "/s/r"), Index: stepresult.NoIndex},
		},
		"Whole": {
			reason: "All of an array.",
			text:   "T step-a.r:array=/s/r [*]",
			want:   stepresult.Reference{Token: "T", File: file("array", "/s/r"), Whole: true, Index: stepresult.NoIndex},
		},
		"Index": {
			reason: "An element of an array.",
			text:   "T step-a.r:array=/s/r [12]",
			want:   stepresult.Reference{Token: "T", File: file("array", "/s/r"), Index: 12},
		},
		"Key": {
			reason: "A key may be any text.",
			text:   "T step-a.r:object=/s/r .a b [*]$",
			want:   stepresult.Reference{Token: "T", File: file("object", "/s/r"), Index: stepresult.NoIndex, Key: "a b [*]$"},
		},
		"NoFile": {
			reason: "A token alone stands for nothing.",
			text:   "T",
			fails:  true,
		},
		"NoToken": {
			reason: "A value without a token is used nowhere.",
			text:   " step-a.r:string=/s/r",
			fails:  true,
		},
		"BadFile": {
			reason: "The file must be one that results have.",
			text:   "T step-a.r:string=../r",
			fails:  true,
		},
		"EmptyKey": {
			reason: "An object has no empty key that could be referred to.",
			text:   "T step-a.r:object=/s/r .",
			fails:  true,
		},
		"BadIndex": {
			reason: "An index is a number.",
			text:   "T step-a.r:array=/s/r [x]",
			fails:  true,
		},
		"Negative": {
			reason: "An index counts from 0.",
			text:   "T step-a.r:array=/s/r [-1]",
			fails:  true,
		},
		"Huge": {
			reason: "An index has 31 bits.",
			text:   "T step-a.r:array=/s/r [2147483648]",
			fails:  true,
		},
		"Open": {
			reason: "A bracket closes.",
			text:   "T step-a.r:array=/s/r [1",
			fails:  true,
		},
		"Empty": {
			reason: "A part is not empty.",
			text:   "T step-a.r:array=/s/r ",
			fails:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := stepresult.Parse(tc.text)
			if (err != nil) != tc.fails {
				t.Fatalf("%s\nParse(%q): %v", tc.reason, tc.text, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nParse(%q): -want +got:\n%s", tc.reason, tc.text, diff)
			}
			if !tc.fails && got.String() != tc.text {
				t.Errorf("%s\nString(): want %q, got %q", tc.reason, tc.text, got.String())
			}
		})
	}
}

// expander returns one for the tokens S (a string), A0, A1, A9, A*, A (an array), OK, O-, O*, O (an object), with the
// results as given.
func expander(t *testing.T, str, array, object string) *stepresult.Expander {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "results")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var references []stepresult.Reference
	for name, part := range map[string][]string{"string": {"S"}, "array": {
		"A0 [0]", "A1 [1]", "A9 [9]", "A* [*]", "A",
	}, "object": {"OK .key", "O- .none", "O* [*]", "O"}} {
		value := map[string]string{"string": str, "array": array, "object": object}[name]
		path := filepath.Join(dir, name)
		if value != "absent" {
			if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range part {
			token, rest, _ := strings.Cut(p, " ")
			text := token + " step-a." + name + ":" + name + "=" + path
			if rest != "" {
				text += " " + rest
			}
			r, err := stepresult.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			references = append(references, r)
		}
	}
	return stepresult.NewExpander(references, 100)
}

func TestExpander(t *testing.T) {
	const array, object = `["zero","S A1 $(x)"]`, `{"key":"O*","k":"v"}`
	cases := map[string]struct {
		reason             string
		str, array, object string
		list               []string
		want               []string
		err                string
	}{
		"Plain": {
			reason: "Text without tokens stays.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"$(steps.a.results.r)", ""},
			want:   []string{"$(steps.a.results.r)", ""},
		},
		"InText": {
			reason: "A value stands where the token stood, as often as that.",
			str:    "s\n$$",
			array:  array,
			object: object,
			list:   []string{"<S><S>"},
			want:   []string{"<s\n$$><s\n$$>"},
		},
		"Elements": {
			reason: "An element of an array is a text.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"A0-S"},
			want:   []string{"zero-s"},
		},
		"ReadOnce": {
			reason: "What was put in is not looked at again.",
			str:    "A0 S",
			array:  array,
			object: object,
			list:   []string{"A1", "S", "OK"},
			want:   []string{"S A1 $(x)", "A0 S", "O*"},
		},
		"Whole": {
			reason: "A whole array becomes its elements.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"a", "A*", "b"},
			want:   []string{"a", "zero", "S A1 $(x)", "b"},
		},
		"Nothing": {
			reason: "An array without elements leaves nothing.",
			str:    "s",
			array:  `[]`,
			object: object,
			list:   []string{"A*"},
		},
		"WholeInText": {
			reason: "All of an array is no text.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"x A*"},
			err:    "step-a.array",
		},
		"BareArray": {
			reason: "An array is no text.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"A"},
			err:    "an array",
		},
		"OutOfRange": {
			reason: "An element that is not there is an error.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"A9"},
			err:    "element 9: the array has 2",
		},
		"NoKey": {
			reason: "A key that is not there is an error.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"O-"},
			err:    `no key "none"`,
		},
		"BareObject": {
			reason: "An object is no text.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"O"},
			err:    "an object",
		},
		"WholeObject": {
			reason: "Nor is all of it.",
			str:    "s",
			array:  array,
			object: object,
			list:   []string{"O*"},
			err:    "an object",
		},
		"Absent": {
			reason: "A result that was not written is an error that names it.",
			str:    "absent",
			array:  array,
			object: object,
			list:   []string{"S"},
			err:    `"step-a.string": the step did not write it`,
		},
		"AbsentUnused": {
			reason: "What no text uses is not read.",
			str:    "absent",
			array:  "absent",
			object: "absent",
			list:   []string{"x"},
			want:   []string{"x"},
		},
		"TooLarge": {
			reason: "A result has a limit.",
			str:    strings.Repeat("x", 101),
			array:  array,
			object: object,
			list:   []string{"S"},
			err:    "TooLarge",
		},
		"Limit": {
			reason: "The limit itself is admitted.",
			str:    strings.Repeat("x", 100),
			array:  array,
			object: object,
			list:   []string{"S"},
			want:   []string{strings.Repeat("x", 100)},
		},
		"NotUTF8": {
			reason: "A result is text.",
			str:    "\xff",
			array:  array,
			object: object,
			list:   []string{"S"},
			err:    "NotUTF8",
		},
		"NoArray": {
			reason: "An array is one.",
			str:    "s",
			array:  `{"a":"b"}`,
			object: object,
			list:   []string{"A0"},
			err:    `"step-a.array": it is not a JSON array of strings`,
		},
		"Null": {
			reason: "Null is no string.",
			str:    "s",
			array:  `[null]`,
			object: object,
			list:   []string{"A0"},
			err:    "not a JSON array",
		},
		"Number": {
			reason: "A number is no string.",
			str:    "s",
			array:  array,
			object: `{"key":1}`,
			list:   []string{"OK"},
			err:    "not a JSON object",
		},
		"Nested": {
			reason: "An object in an object is no string.",
			str:    "s",
			array:  array,
			object: `{"key":{}}`,
			list:   []string{"OK"},
			err:    "not a JSON object",
		},
		"Twice": {
			reason: "Nobody knows which of two values is meant.",
			str:    "s",
			array:  array,
			object: `{"key":"a","key":"b"}`,
			list:   []string{"OK"},
			err:    "not a JSON object",
		},
		"Cut": {
			reason: "Half of an array is none.",
			str:    "s",
			array:  `["zero"`,
			object: object,
			list:   []string{"A0"},
			err:    "not a JSON array",
		},
		"More": {
			reason: "Nor is one with something behind it.",
			str:    "s",
			array:  `["zero"] x`,
			object: object,
			list:   []string{"A0"},
			err:    "not a JSON array",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := expander(t, tc.str, tc.array, tc.object).List(tc.list)
			if (tc.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("%s\nerror %v, want %q", tc.reason, err, tc.err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// A token that begins with another one is not taken for that.
func TestLongestToken(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "results"), 0o755); err != nil {
		t.Fatal(err)
	}
	var references []stepresult.Reference
	for _, token := range []string{"T-1", "T-12"} {
		path := filepath.Join(dir, "results", token)
		if err := os.WriteFile(path, []byte("<"+token+">"), 0o644); err != nil {
			t.Fatal(err)
		}
		references = append(references, stepresult.Reference{Token: token, File: file("string", path), Index: stepresult.NoIndex})
	}
	if got, err := stepresult.NewExpander(references, 100).Text("T-12 T-1"); err != nil || got != "<T-12> <T-1>" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Any value that a step can write arrives as it is.
func TestTextProperty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "r")
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.String().Draw(t, "value")
		before := rapid.StringMatching(`[^T]*`).Draw(t, "before")
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
		r := stepresult.Reference{Token: "TOKEN", File: file("string", path), Index: stepresult.NoIndex}
		got, err := stepresult.NewExpander([]stepresult.Reference{r}, 1<<20).Text(before + "TOKEN" + "after")
		if want := before + value + "after"; err != nil || got != want {
			t.Fatalf("want %q, got %q, %v", want, got, err)
		}
	})
}

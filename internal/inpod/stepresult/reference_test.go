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
		"Bare":     {"A result as it is.", "T step-a.r:string=/s/r", stepresult.Reference{Token: "T", File: file("string", "/s/r"), Index: stepresult.NoIndex}, false},
		"Whole":    {"All of an array.", "T step-a.r:array=/s/r [*]", stepresult.Reference{Token: "T", File: file("array", "/s/r"), Whole: true, Index: stepresult.NoIndex}, false},
		"Index":    {"An element of an array.", "T step-a.r:array=/s/r [12]", stepresult.Reference{Token: "T", File: file("array", "/s/r"), Index: 12}, false},
		"Key":      {"A key may be any text.", "T step-a.r:object=/s/r .a b [*]$", stepresult.Reference{Token: "T", File: file("object", "/s/r"), Index: stepresult.NoIndex, Key: "a b [*]$"}, false},
		"NoFile":   {"A token alone stands for nothing.", "T", stepresult.Reference{}, true},
		"NoToken":  {"A value without a token is used nowhere.", " step-a.r:string=/s/r", stepresult.Reference{}, true},
		"BadFile":  {"The file must be one that results have.", "T step-a.r:string=../r", stepresult.Reference{}, true},
		"EmptyKey": {"An object has no empty key that could be referred to.", "T step-a.r:object=/s/r .", stepresult.Reference{}, true},
		"BadIndex": {"An index is a number.", "T step-a.r:array=/s/r [x]", stepresult.Reference{}, true},
		"Negative": {"An index counts from 0.", "T step-a.r:array=/s/r [-1]", stepresult.Reference{}, true},
		"Huge":     {"An index has 31 bits.", "T step-a.r:array=/s/r [2147483648]", stepresult.Reference{}, true},
		"Open":     {"A bracket closes.", "T step-a.r:array=/s/r [1", stepresult.Reference{}, true},
		"Empty":    {"A part is not empty.", "T step-a.r:array=/s/r ", stepresult.Reference{}, true},
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
	for name, part := range map[string][]string{"string": {"S"}, "array": {"A0 [0]", "A1 [1]", "A9 [9]", "A* [*]", "A"}, "object": {"OK .key", "O- .none", "O* [*]", "O"}} {
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
		"Plain":        {"Text without tokens stays.", "s", array, object, []string{"$(steps.a.results.r)", ""}, []string{"$(steps.a.results.r)", ""}, ""},
		"InText":       {"A value stands where the token stood, as often as that.", "s\n$$", array, object, []string{"<S><S>"}, []string{"<s\n$$><s\n$$>"}, ""},
		"Elements":     {"An element of an array is a text.", "s", array, object, []string{"A0-S"}, []string{"zero-s"}, ""},
		"ReadOnce":     {"What was put in is not looked at again.", "A0 S", array, object, []string{"A1", "S", "OK"}, []string{"S A1 $(x)", "A0 S", "O*"}, ""},
		"Whole":        {"A whole array becomes its elements.", "s", array, object, []string{"a", "A*", "b"}, []string{"a", "zero", "S A1 $(x)", "b"}, ""},
		"Nothing":      {"An array without elements leaves nothing.", "s", `[]`, object, []string{"A*"}, nil, ""},
		"WholeInText":  {"All of an array is no text.", "s", array, object, []string{"x A*"}, nil, "step-a.array"},
		"BareArray":    {"An array is no text.", "s", array, object, []string{"A"}, nil, "an array"},
		"OutOfRange":   {"An element that is not there is an error.", "s", array, object, []string{"A9"}, nil, "element 9: the array has 2"},
		"NoKey":        {"A key that is not there is an error.", "s", array, object, []string{"O-"}, nil, `no key "none"`},
		"BareObject":   {"An object is no text.", "s", array, object, []string{"O"}, nil, "an object"},
		"WholeObject":  {"Nor is all of it.", "s", array, object, []string{"O*"}, nil, "an object"},
		"Absent":       {"A result that was not written is an error that names it.", "absent", array, object, []string{"S"}, nil, `"step-a.string": the step did not write it`},
		"AbsentUnused": {"What no text uses is not read.", "absent", "absent", "absent", []string{"x"}, []string{"x"}, ""},
		"TooLarge":     {"A result has a limit.", strings.Repeat("x", 101), array, object, []string{"S"}, nil, "TooLarge"},
		"Limit":        {"The limit itself is admitted.", strings.Repeat("x", 100), array, object, []string{"S"}, []string{strings.Repeat("x", 100)}, ""},
		"NotUTF8":      {"A result is text.", "\xff", array, object, []string{"S"}, nil, "NotUTF8"},
		"NoArray":      {"An array is one.", "s", `{"a":"b"}`, object, []string{"A0"}, nil, `"step-a.array": it is no JSON array of strings`},
		"Null":         {"Null is no string.", "s", `[null]`, object, []string{"A0"}, nil, "no JSON array"},
		"Number":       {"A number is no string.", "s", array, `{"key":1}`, []string{"OK"}, nil, "no JSON object"},
		"Nested":       {"An object in an object is no string.", "s", array, `{"key":{}}`, []string{"OK"}, nil, "no JSON object"},
		"Twice":        {"Nobody knows which of two values is meant.", "s", array, `{"key":"a","key":"b"}`, []string{"OK"}, nil, "no JSON object"},
		"Cut":          {"Half of an array is none.", "s", `["zero"`, object, []string{"A0"}, nil, "no JSON array"},
		"More":         {"Nor is one with something behind it.", "s", `["zero"] x`, object, []string{"A0"}, nil, "no JSON array"},
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

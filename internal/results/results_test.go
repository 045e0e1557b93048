package results_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results"
)

func TestValidName(t *testing.T) {
	cases := map[string]struct {
		reason string
		name   string
		valid  bool
	}{
		"Letter":           {"One letter is a name.", "a", true},
		"Digit":            {"One digit is a name.", "7", true},
		"Mixed":            {"All allowed characters may stand inside.", "image-digest_v1.2", true},
		"Longest":          {"A file name can have 255 bytes.", strings.Repeat("n", 255), true},
		"TooLong":          {"A file name cannot have 256 bytes.", strings.Repeat("n", 256), false},
		"Empty":            {"A name needs a character.", "", false},
		"Dot":              {"The directory itself is no file.", ".", false},
		"DotDot":           {"The directory above is out of reach.", "..", false},
		"Hidden":           {"A name begins with a letter or a digit.", ".a", false},
		"TrailingDot":      {"A name ends with a letter or a digit.", "a.", false},
		"TrailingHyphen":   {"A name ends with a letter or a digit.", "a-", false},
		"LeadingUnderline": {"A name begins with a letter or a digit.", "_a", false},
		"Slash":            {"A name is not a path.", "a/b", false},
		"Space":            {"Records of the stream are separated by spaces.", "a b", false},
		"Newline":          {"Records of the stream are lines.", "a\nb", false},
		"Null":             {"No file name has a zero byte.", "a\x00b", false},
		"Umlaut":           {"Only ASCII letters are allowed.", "größe", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := results.ValidName(tc.name)
			if (err == nil) != tc.valid {
				t.Errorf("%s\nValidName(%q): %v", tc.reason, tc.name, err)
			}
			if err != nil && !errors.Is(err, results.ErrName) {
				t.Errorf("ValidName(%q): %v does not wrap ErrName", tc.name, err)
			}
		})
	}
}

// A name that is valid stays in its directory whatever is done with it.
func TestValidNameIsSafeAsFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[-A-Za-z0-9_./]{1,8}`)).Draw(t, "name")
		if results.ValidName(name) != nil {
			return
		}
		if got := filepath.Join("/results", name); filepath.Dir(got) != "/results" || filepath.Base(got) != name {
			t.Fatalf("%q leads to %q", name, got)
		}
	})
}

func TestParseFile(t *testing.T) {
	file := func(name, typ, path string) results.File {
		return results.File{Declared: results.Declared{Name: name, Type: typ}, Path: path}
	}
	cases := map[string]struct {
		reason string
		text   string
		want   results.File
		valid  bool
	}{
		"String": {"The usual form.", "a:string=/tekton/results/a", file("a", "string", "/tekton/results/a"), true},
		"Array":  {"Arrays are declared likewise.", "a:array=/r/a", file("a", "array", "/r/a"), true},
		"EqualsInside": {"A path may have the separators, a name may not.", "a:object=/r/x=y:z",
			file("a", "object", "/r/x=y:z"), true},
		"NoType":       {"The type is never guessed.", "a=/r/a", results.File{}, false},
		"UnknownType":  {"There are three types.", "a:number=/r/a", results.File{}, false},
		"NoPath":       {"A result is somewhere.", "a:string", results.File{}, false},
		"EmptyPath":    {"A result is somewhere.", "a:string=", results.File{}, false},
		"RelativePath": {"A relative path would depend on the working directory.", "a:string=r/a", results.File{}, false},
		"UncleanPath":  {"An unclean path could leave its directory.", "a:string=/r/../a", results.File{}, false},
		"BadName":      {"Names are checked.", "../a:string=/r/a", results.File{}, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := results.ParseFile(tc.text)
			if (err == nil) != tc.valid {
				t.Fatalf("%s\nParseFile(%q): %v", tc.reason, tc.text, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\nParseFile(%q): -want +got:\n%s", tc.reason, tc.text, diff)
			}
			if tc.valid && got.String() != tc.text {
				t.Errorf("%s\nString(): got %q, want %q", tc.reason, got.String(), tc.text)
			}
		})
	}
}

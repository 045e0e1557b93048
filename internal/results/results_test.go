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
		"Letter":           {reason: "One letter is a name.", name: "a", valid: true},
		"Digit":            {reason: "One digit is a name.", name: "7", valid: true},
		"Mixed":            {reason: "All allowed characters may stand inside.", name: "image-digest_v1.2", valid: true},
		"Longest":          {reason: "A file name can have 255 bytes.", name: strings.Repeat("n", 255), valid: true},
		"TooLong":          {reason: "A file name cannot have 256 bytes.", name: strings.Repeat("n", 256)},
		"Empty":            {reason: "A name needs a character."},
		"Dot":              {reason: "The directory itself is no file.", name: "."},
		"DotDot":           {reason: "The directory above is out of reach.", name: ".."},
		"Hidden":           {reason: "A name begins with a letter or a digit.", name: ".a"},
		"TrailingDot":      {reason: "A name ends with a letter or a digit.", name: "a."},
		"TrailingHyphen":   {reason: "A name ends with a letter or a digit.", name: "a-"},
		"LeadingUnderline": {reason: "A name begins with a letter or a digit.", name: "_a"},
		"Slash":            {reason: "A name is not a path.", name: "a/b"},
		"Space":            {reason: "Records of the stream are separated by spaces.", name: "a b"},
		"Newline":          {reason: "Records of the stream are lines.", name: "a\nb"},
		"Null":             {reason: "No file name has a zero byte.", name: "a\x00b"},
		"Umlaut":           {reason: "Only ASCII letters are allowed.", name: "größe"},
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
		"String": {
			reason: "The usual form.",
			text:   "a:string=/tekton/results/a",
			want:   file("a", "string", "/tekton/results/a"),
			valid:  true,
		},
		"Array": {
			reason: "Arrays are declared likewise.",
			text:   "a:array=/r/a",
			want:   file("a", "array", "/r/a"),
			valid:  true,
		},
		"EqualsInside": {
			reason: "A path may have the separators, a name may not.",
			text:   "a:object=/r/x=y:z",
			want:   file("a", "object", "/r/x=y:z"),
			valid:  true,
		},
		"NoType": {
			reason: "The type is never guessed.",
			text:   "a=/r/a",
		},
		"UnknownType": {
			reason: "There are three types.",
			text:   "a:number=/r/a",
		},
		"NoPath": {
			reason: "A result is somewhere.",
			text:   "a:string",
		},
		"EmptyPath": {
			reason: "A result is somewhere.",
			text:   "a:string=",
		},
		"RelativePath": {
			reason: "A relative path would depend on the working directory.",
			text:   "a:string=r/a",
		},
		"UncleanPath": {
			reason: "An unclean path could leave its directory.",
			text:   "a:string=/r/../a",
		},
		"BadName": {
			reason: "Names are checked.",
			text:   "../a:string=/r/a",
		},
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

package matrix

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func array(name string, elements ...string) v1.Param {
	return v1.Param{Name: name, Value: v1.ArrayValue(elements...)}
}

func text(name, value string) v1.Param { return v1.Param{Name: name, Value: v1.StringValue(value)} }

// lines writes combinations so that a table can hold them.
func lines(combinations []Combination) []string {
	var out []string
	for _, c := range combinations {
		var parts []string
		if c.Name != "" {
			parts = append(parts, "("+c.Name+")")
		}
		for _, p := range c.Params {
			parts = append(parts, p.Name+"="+p.Value.String)
		}
		out = append(out, strings.Join(parts, " "))
	}
	return out
}

func TestCombinations(t *testing.T) {
	arch, version := array("arch", "amd64", "s390x"), array("version", "1.17", "1.18")
	entry := func(name string, params ...v1.Param) v1.MatrixInclude {
		return v1.MatrixInclude{Name: name, Params: params}
	}
	cases := map[string]struct {
		reason string
		matrix v1.Matrix
		want   []string
	}{
		"One": {
			reason: "One param runs the task once for each of its elements.",
			matrix: v1.Matrix{Params: []v1.Param{arch}},
			want:   []string{"arch=amd64", "arch=s390x"},
		},
		"Product": {
			reason: "The first param changes fastest.",
			matrix: v1.Matrix{Params: []v1.Param{arch, version}},
			want:   []string{"arch=amd64 version=1.17", "arch=s390x version=1.17", "arch=amd64 version=1.18", "arch=s390x version=1.18"},
		},
		"Empty": {
			reason: "Nothing can be combined with nothing.",
			matrix: v1.Matrix{Params: []v1.Param{arch, array("version")}, Include: []v1.MatrixInclude{entry("x", text("y", "z"))}},
		},
		"ToAll": {
			reason: "What names none of the params is added to all.",
			matrix: v1.Matrix{Params: []v1.Param{arch}, Include: []v1.MatrixInclude{entry("common", text("package", "p"))}},
			want:   []string{"(common) arch=amd64 package=p", "(common) arch=s390x package=p"},
		},
		"ToSome": {
			reason: "What names one is added to those with its value.",
			matrix: v1.Matrix{
				Params:  []v1.Param{arch, version},
				Include: []v1.MatrixInclude{entry("race", text("arch", "s390x"), text("flags", "-v"))},
			},
			want: []string{
				"arch=amd64 version=1.17",
				"(race) arch=s390x flags=-v version=1.17",
				"arch=amd64 version=1.18",
				"(race) arch=s390x flags=-v version=1.18",
			},
		},
		"Own": {
			reason: "What would overwrite a value of every one is a combination of its own.",
			matrix: v1.Matrix{Params: []v1.Param{arch}, Include: []v1.MatrixInclude{entry("other", text("arch", "arm64"), text("flags", "-v"))}},
			want:   []string{"arch=amd64", "arch=s390x", "(other) arch=arm64 flags=-v"},
		},
		"OnlyToParams": {
			reason: "A combination of its own is not one that a later entry is added to.",
			matrix: v1.Matrix{
				Params:  []v1.Param{arch},
				Include: []v1.MatrixInclude{entry("other", text("arch", "arm64")), entry("common", text("package", "p"))},
			},
			want: []string{"(common) arch=amd64 package=p", "(common) arch=s390x package=p", "(other) arch=arm64"},
		},
		"Later": {
			reason: "A later entry overwrites what an earlier one has added.",
			matrix: v1.Matrix{
				Params:  []v1.Param{arch},
				Include: []v1.MatrixInclude{entry("a", text("flags", "-v")), entry("b", text("arch", "s390x"), text("flags", "-q"))},
			},
			want: []string{"(a) arch=amd64 flags=-v", "(a b) arch=s390x flags=-q"},
		},
		"OnlyInclude": {
			reason: "Without params, each entry is a combination.",
			matrix: v1.Matrix{Include: []v1.MatrixInclude{entry("a", text("image", "1")), entry("b", text("image", "2"))}},
			want:   []string{"(a) image=1", "(b) image=2"},
		},
		"Ordered": {
			reason: "The params of each combination are in the order of their names, whatever the order in the matrix.",
			matrix: v1.Matrix{
				Params: []v1.Param{version, arch},
				Include: []v1.MatrixInclude{
					entry("common", text("package", "p")), entry("race", text("version", "1.18"), text("context", "c")),
					entry("other", text("version", "2"), text("arch", "arm64")),
				},
			},
			want: []string{
				"(common) arch=amd64 package=p version=1.17",
				"(common race) arch=amd64 context=c package=p version=1.18",
				"(common) arch=s390x package=p version=1.17",
				"(common race) arch=s390x context=c package=p version=1.18",
				"(other) arch=arm64 version=2",
			},
		},
		"Unnamed": {
			reason: "An entry without a name leaves the names of the others.",
			matrix: v1.Matrix{
				Params:  []v1.Param{arch},
				Include: []v1.MatrixInclude{entry("", text("a", "1")), entry("named", text("b", "2")), entry("", text("c", "3"))},
			},
			want: []string{"(named) a=1 arch=amd64 b=2 c=3", "(named) a=1 arch=s390x b=2 c=3"},
		},
		"OwnWithAKnownValue": {
			reason: "An entry that agrees with no combination runs, also if some of its values are in one. Tekton drops it.",
			matrix: v1.Matrix{
				Params:  []v1.Param{arch, version},
				Include: []v1.MatrixInclude{entry("next", text("arch", "s390x"), text("version", "2"))},
			},
			want: []string{
				"arch=amd64 version=1.17", "arch=s390x version=1.17", "arch=amd64 version=1.18", "arch=s390x version=1.18",
				"(next) arch=s390x version=2",
			},
		},
		"OwnTwice": {
			reason: "So do two entries that have a value in common. Tekton drops the second one.",
			matrix: v1.Matrix{
				Params: []v1.Param{arch},
				Include: []v1.MatrixInclude{
					entry("a", text("arch", "arm64"), text("flags", "-v")), entry("b", text("arch", "arm64"), text("flags", "-q")),
				},
			},
			want: []string{"arch=amd64", "arch=s390x", "(a) arch=arm64 flags=-v", "(b) arch=arm64 flags=-q"},
		},
		"Same": {
			reason: "Two equal elements are two runs: whoever lists one twice wants it twice.",
			matrix: v1.Matrix{Params: []v1.Param{array("n", "1", "1")}},
			want:   []string{"n=1", "n=1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Combinations(&tc.matrix, 256)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, lines(got)); diff != "" {
				t.Errorf("\n%s\nCombinations: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCombinationsRefused(t *testing.T) {
	long := make([]string, 300)
	many := make([]v1.Param, 256)
	for i := range many {
		many[i] = array(fmt.Sprint("p", i), long...)
	}
	cases := map[string]struct {
		reason string
		matrix v1.Matrix
		want   string
	}{
		"TooMany": {
			reason: "One too many is too many.",
			matrix: v1.Matrix{Params: []v1.Param{array("a", long[:257]...)}},
			want:   "at least 257, and the limit is 256",
		},
		"Included": {
			reason: "What is included counts.",
			matrix: v1.Matrix{Params: []v1.Param{array("a", long[:256]...)}, Include: []v1.MatrixInclude{{Params: []v1.Param{text("a", "x")}}}},
			want:   "at least 257, and the limit is 256",
		},
		"Astronomic": {
			reason: "No number of params makes it overflow.",
			matrix: v1.Matrix{Params: many},
			want:   "at least 300, and the limit is 256",
		},
		"NotAnArray": {
			reason: "A value that turned out to be a string is named.",
			matrix: v1.Matrix{Params: []v1.Param{array("a", "x"), text("b", "y")}},
			want:   "matrix.params[1].value in the matrix: it is of type string",
		},
		"NotAString": {
			reason: "Entries of include take strings.",
			matrix: v1.Matrix{Include: []v1.MatrixInclude{{Params: []v1.Param{array("b", "y")}}}},
			want:   "matrix.include[0].params[0].value in the matrix: it is of type array",
		},
		"ExactlyFits": {
			reason: "The limit itself is allowed.",
			matrix: v1.Matrix{Params: []v1.Param{array("a", long[:256]...)}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Combinations(&tc.matrix, 256)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("\n%s\nCombinations: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

// Whatever is included, each combination of the params is there exactly once, in the same place.
func TestIncludeNeverChangesTheProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		element := rapid.SampledFrom([]string{"x", "y", "z"})
		var m v1.Matrix
		for i := range rapid.IntRange(1, 3).Draw(t, "params") {
			m.Params = append(m.Params, array(fmt.Sprint("p", i), rapid.SliceOfN(element, 1, 3).Draw(t, "elements")...))
		}
		plain, err := Combinations(&m, 256)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 4).Draw(t, "entries") {
			names := rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 3, rapid.ID[int]).Draw(t, "names")
			var entry v1.MatrixInclude
			for _, n := range names {
				entry.Params = append(entry.Params, text(fmt.Sprint("p", n), element.Draw(t, "value")))
			}
			m.Include = append(m.Include, entry)
		}
		all, err := Combinations(&m, 256)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) > len(plain)+len(m.Include) {
			t.Fatalf("%d combinations of %d and %d entries", len(all), len(plain), len(m.Include))
		}
		for i := range plain {
			if diff := cmp.Diff(plain[i].Params, all[i].Params[:len(m.Params)]); diff != "" {
				t.Fatalf("combination %d of the params has changed: -before, +after:\n%s", i, diff)
			}
		}
	})
}

// TestCombinationsLeaveThePipeline: the order of the params in a combination is not that of the pipeline, which stays as it is.
func TestCombinationsLeaveThePipeline(t *testing.T) {
	entry := []v1.Param{text("z", "1"), text("a", "2")}
	m := v1.Matrix{Include: []v1.MatrixInclude{{Params: entry}}}
	got, err := Combinations(&m, 1)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a=2 z=1"}, lines(got)); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
	if entry[0].Name != "z" {
		t.Errorf("the params of the entry are in another order: %v", entry)
	}
}

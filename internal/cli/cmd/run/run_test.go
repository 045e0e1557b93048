package run

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func emptyRun() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}}
}

func TestSetParams(t *testing.T) {
	declared := []v1.ParamSpec{
		{Name: "text"}, {Name: "list", Type: v1.TypeArray}, {Name: "map", Properties: map[string]v1.PropertySpec{"k": {}}},
		{Name: "by-default", Default: new(v1.ArrayValue("x"))},
	}
	for name, tc := range map[string]struct {
		reason   string
		flags    []string
		declared []v1.ParamSpec
		want     []any
		bad      bool
	}{
		"String": {
			reason:   "A string is taken as it stands, whatever it looks like.",
			flags:    []string{"text=[1]"},
			declared: declared,
			want:     []any{param("text", "[1]")},
		},
		"Equals": {
			reason:   "Only the first = counts.",
			flags:    []string{"text=a=b"},
			declared: declared,
			want:     []any{param("text", "a=b")},
		},
		"Empty": {
			reason:   "An empty value is a value.",
			flags:    []string{"text="},
			declared: declared,
			want:     []any{param("text", "")},
		},
		"JSON array": {
			reason:   "An array can be JSON.",
			flags:    []string{`list=["a","b"]`},
			declared: declared,
			want:     []any{param("list", []any{"a", "b"})},
		},
		"Repeated": {
			reason:   "Or be given element by element.",
			flags:    []string{"list=a", "list=b"},
			declared: declared,
			want:     []any{param("list", []any{"a", "b"})},
		},
		"One element": {
			reason:   "Also a single one.",
			flags:    []string{"list=a"},
			declared: declared,
			want:     []any{param("list", []any{"a"})},
		},
		"By default": {
			reason:   "The type may follow from the default.",
			flags:    []string{"by-default=a"},
			declared: declared,
			want:     []any{param("by-default", []any{"a"})},
		},
		"Object": {
			reason:   "An object is JSON.",
			flags:    []string{`map={"k":"v"}`},
			declared: declared,
			want:     []any{param("map", map[string]any{"k": "v"})},
		},
		"Unknown types": {
			reason: "Where nothing is declared, what is given twice is an array.",
			flags:  []string{"a=1", "b=1", "b=2"},
			want:   []any{param("a", "1"), param("b", []any{"1", "2"})},
		},
		"Undeclared": {
			reason:   "A name that nobody declares would be left unused.",
			flags:    []string{"txet=a"},
			declared: declared,
			bad:      true,
		},
		"String twice": {
			reason:   "A string has one value.",
			flags:    []string{"text=a", "text=b"},
			declared: declared,
			bad:      true,
		},
		"Numbers": {
			reason:   "Elements are strings.",
			flags:    []string{"list=[1,2]"},
			declared: declared,
			bad:      true,
		},
		"No object": {
			reason:   "An object is JSON, and nothing else.",
			flags:    []string{"map=k:v"},
			declared: declared,
			bad:      true,
		},
		"No value": {
			reason: "A name is not a param.",
			flags:  []string{"text"},
			bad:    true,
		},
		"No file": {
			reason:   "A file must be there.",
			flags:    []string{"text=@nowhere"},
			declared: declared,
			bad:      true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := emptyRun()
			params, err := parseParams(tc.flags)
			if err == nil {
				err = setParams(run, params, tc.declared)
			}
			if (err != nil) != tc.bad {
				t.Fatalf("%s error: %v", tc.reason, err)
			}
			if tc.bad {
				return
			}
			got, _, _ := unstructured.NestedSlice(run.Object, "spec", "params")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func param(name string, value any) map[string]any {
	return map[string]any{"name": name, "value": value}
}

func TestParamsAreReplaced(t *testing.T) {
	run := emptyRun()
	for _, value := range []string{"of the file", "of the flag"} {
		if err := setParams(run, []given{{name: "a", values: []string{value}}, {name: "b", values: []string{value}}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	got, _, _ := unstructured.NestedSlice(run.Object, "spec", "params")
	if diff := cmp.Diff([]any{param("a", "of the flag"), param("b", "of the flag")}, got); diff != "" {
		t.Errorf("a flag takes the place of what the file says (-want +got):\n%s", diff)
	}
}

func TestParseWorkspace(t *testing.T) {
	for text, want := range map[string]map[string]any{
		"a=emptyDir":               {"name": "a", "emptyDir": map[string]any{}},
		"a=claim/c":                {"name": "a", "persistentVolumeClaim": map[string]any{"claimName": "c"}},
		"a=configMap/m,subPath=x":  {"name": "a", "configMap": map[string]any{"name": "m"}, "subPath": "x"},
		"a=secret/s":               {"name": "a", "secret": map[string]any{"secretName": "s"}},
		"a":                        nil,
		"a=":                       nil,
		"=emptyDir":                nil,
		"a=claim":                  nil,
		"a=emptyDir/x":             nil,
		"a=new/lots":               nil,
		"a=disk/x":                 nil,
		"a=emptyDir,readOnly=true": nil,
	} {
		got, err := parseWorkspace(text)
		if (err != nil) != (want == nil) {
			t.Errorf("parseWorkspace(%q): error %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parseWorkspace(%q) (-want +got):\n%s", text, diff)
		}
	}
}

package validation

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestValidateParams(t *testing.T) {
	declared := `
params:
- {name: text}
- {name: list, type: array}
- {name: object, properties: {a: {}, b: {}, c: {}}, default: {a: x}}
- {name: optional, default: x}
`
	cases := map[string]struct {
		reason, given string
		want          []string
	}{
		"All": {
			reason: "What is declared is given; keys that the default has may be left out.",
			given:  `[{name: text, value: x}, {name: list, value: []}, {name: object, value: {b: x, c: x, more: x}}]`,
		},
		"Extra": {
			reason: "Others are accepted, as the public documentation has it.",
			given:  `[{name: text, value: 5}, {name: list, value: [x]}, {name: object, value: {b: x, c: x}}, {name: extra, value: x}]`,
		},
		"None": {
			reason: "Each missing one is named with its type.",
			given:  `[]`,
			want: []string{
				`p: Required value: missing param "text" of type string: declared without a default`,
				`p: Required value: missing param "list" of type array: declared without a default`,
				`p: Required value: object param "object" lacks the keys: b, c`,
			},
		},
		"WrongType": {
			reason: "Both types are named, and no value, which may be long or secret.",
			given:  `[{name: text, value: [x]}, {name: list, value: x}, {name: object, value: x}]`,
			want: []string{
				`p[0].value: Invalid value: "array": param "text" is of type string, not array`,
				`p[1].value: Invalid value: "string": param "list" is of type array, not string`,
				`p[2].value: Invalid value: "string": param "object" is of type object, not string`,
			},
		},
		"Null": {
			reason: "A null is no value.",
			given:  `[{name: text, value: null}, {name: list, value: [x]}, {name: object, value: {b: x, c: x}}]`,
			want:   []string{`p: Required value: missing param "text" of type string: declared without a default`},
		},
		"Keys": {
			reason: "Keys that neither side has are named.",
			given:  `[{name: text, value: x}, {name: list, value: [x]}, {name: object, value: {c: x}}]`,
			want:   []string{`p[2].value: Required value: object param "object" lacks the keys: b`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := decode[v1.TaskSpec](t, declared)
			given := decode[v1.TaskRunSpec](t, "params: "+tc.given).Params
			if diff := cmp.Diff(tc.want, messages(Params(spec.Params, given, field.NewPath("p")))); diff != "" {
				t.Errorf("\n%s\nValidateParams: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestValidateWorkspaces(t *testing.T) {
	declared := []v1.WorkspaceDeclaration{{Name: "a"}, {Name: "b", Optional: true}}
	got := messages(Workspaces(declared, []v1.WorkspaceBinding{{Name: "b"}, {Name: "c"}}, field.NewPath("w")))
	want := []string{
		`w: Required value: missing workspace "a": declared and not optional`,
		`w[1].name: Invalid value: "c": no workspace "c"; there are: a, b`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ValidateWorkspaces: -want, +got:\n%s", diff)
	}
	if got := Workspaces(declared, []v1.WorkspaceBinding{{Name: "a"}}, nil); got != nil {
		t.Errorf("an optional workspace may be left out, got %v", got)
	}
}

func TestSetDefaults(t *testing.T) {
	array, null := v1.ArrayValue("x"), v1.Value{}
	spec := v1.PipelineSpec{
		Params: []v1.ParamSpec{
			{Name: "none"}, {Name: "fromDefault", Default: &array}, {Name: "null", Default: &null},
			{Name: "fromProperties", Properties: map[string]v1.PropertySpec{"k": {}}}, {Name: "given", Type: v1.TypeArray},
		},
		Tasks: []v1.PipelineTask{
			{TaskRef: &v1.TaskRef{Name: "t"}},
			{TaskSpec: &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{
				Results: []v1.TaskResult{{Name: "s"}, {Name: "o", Properties: map[string]v1.PropertySpec{"k": {}}}, {Name: "a", Type: v1.TypeArray}},
			}}},
			{TaskRef: &v1.TaskRef{Name: "t", Kind: "task"}},
		},
	}
	want := v1.PipelineSpec{
		Params: []v1.ParamSpec{
			{Name: "none", Type: v1.TypeString},
			{Name: "fromDefault", Type: v1.TypeArray, Default: &array},
			{Name: "null", Type: v1.TypeString, Default: &null},
			{Name: "fromProperties", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{"k": {Type: v1.TypeString}}},
			{Name: "given", Type: v1.TypeArray},
		},
		Tasks: []v1.PipelineTask{
			{TaskRef: &v1.TaskRef{Name: "t", Kind: "Task"}},
			{TaskSpec: &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{
				Results: []v1.TaskResult{
					{Name: "s", Type: v1.TypeString},
					{Name: "o", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{"k": {Type: v1.TypeString}}},
					{Name: "a", Type: v1.TypeArray},
				},
			}}},
			{TaskRef: &v1.TaskRef{Name: "t", Kind: "task"}},
		},
	}
	pr := v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &spec}}
	for range 2 { // defaults of what has defaults change nothing
		DefaultPipelineRun(&pr)
		if diff := cmp.Diff(want, spec); diff != "" {
			t.Fatalf("SetDefaults: -want, +got:\n%s", diff)
		}
	}
	tr := v1.TaskRun{Spec: v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "t"}, TaskSpec: &v1.TaskSpec{Params: []v1.ParamSpec{{Name: "p"}}}}}
	DefaultTaskRun(&tr)
	if tr.Spec.TaskRef.Kind != v1.KindTask || tr.Spec.TaskSpec.Params[0].Type != v1.TypeString {
		t.Errorf("SetDefaults of a TaskRun: got %+v and %+v", tr.Spec.TaskRef, tr.Spec.TaskSpec.Params)
	}
}

func TestResolve(t *testing.T) {
	text := v1.StringValue("given")
	object, other := v1.ObjectValue(map[string]string{"a": "1", "b": "2"}), v1.ObjectValue(map[string]string{"b": "3", "c": "4"})
	cases := map[string]struct {
		reason         string
		declared       *v1.Value
		given          *v1.Value
		want           v1.Value
		wantMissing    bool
		defaultChanges bool
	}{
		"Given": {
			reason:   "A given value wins.",
			declared: &object,
			given:    &text,
			want:     text,
		},
		"Default": {
			reason:   "Without one the default counts.",
			declared: &object,
			want:     object,
		},
		"Null": {
			reason:   "A null is none.",
			declared: &object,
			given:    &v1.Value{},
			want:     object,
		},
		"Merged": {
			reason:   "Objects are filled in key by key.",
			declared: &object,
			given:    &other,
			want:     v1.ObjectValue(map[string]string{"a": "1", "b": "3", "c": "4"}),
		},
		"Nothing": {
			reason:      "Without both there is no value.",
			wantMissing: true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			spec := v1.ParamSpec{Name: "p", Default: tc.declared}
			got, ok := spec.Resolve(tc.given)
			if ok == tc.wantMissing || !got.Equal(tc.want) {
				t.Errorf("\n%s\nResolve: want %v, got %v, %v", tc.reason, tc.want, got, ok)
			}
		})
	}
	if len(object.Object) != 2 {
		t.Errorf("merging changed the default: %v", object)
	}
}

func TestLongValuesAreShortened(t *testing.T) {
	long := strings.Repeat("é", 1_000_000)
	spec := v1.TaskSpec{Steps: []v1.Step{{Name: long, Image: "i", Script: "$(params['" + long + "'])"}}}
	for _, err := range TaskSpec(&spec, nil) {
		if len(err.Error()) > 1000 {
			t.Errorf("a message has %d bytes: %.200s", len(err.Error()), err.Error())
		}
	}
}

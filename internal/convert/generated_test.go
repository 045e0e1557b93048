package convert

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/fill"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// kinds has an empty object of each kind that the webhook converts.
func kinds() map[string]func() any {
	return map[string]func() any{
		v1.KindTask:        func() any { return &v1.Task{} },
		v1.KindTaskRun:     func() any { return &v1.TaskRun{} },
		v1.KindPipeline:    func() any { return &v1.Pipeline{} },
		v1.KindPipelineRun: func() any { return &v1.PipelineRun{} },
	}
}

// full returns the JSON of an object of v1 in which every field of its type is set.
func full(t *testing.T, kind string) map[string]any {
	t.Helper()
	object := kinds()[kind]()
	value := reflect.ValueOf(object).Elem()
	for _, field := range []string{"Spec", "Status"} {
		if part := value.FieldByName(field); part.IsValid() {
			fill.Everything(part, fill.Depth, fill.With{Value: v1.Value{Type: v1.TypeString, String: "x"}, Skip: encodesItself})
		}
	}
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	o, err := decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	o[fieldAPIVersion], o[fieldKind] = v1.GroupVersion.String(), kind
	o[fieldMetadata] = map[string]any{fieldName: "o", "namespace": "n"}
	return o
}

// encodesItself reports whether values of a type are encoded JSON, which has no fields.
func encodesItself(t reflect.Type) bool {
	return t == reflect.TypeFor[metav1.FieldsV1]() || t == reflect.TypeFor[runtime.RawExtension]()
}

// TestEveryFieldOfV1: an object with every field of v1 is the same after it was an object of v1beta1, and v1beta1 knows each of its
// fields, under the name that Tekton has for it.
func TestEveryFieldOfV1(t *testing.T) {
	for kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			o := full(t, kind)
			want := text(o)
			if err := Convert(o, V1beta1); err != nil {
				t.Fatal(err)
			}
			if paths := renamedIn(t, kind, o); len(paths) > 0 {
				t.Errorf("v1beta1 of Tekton does not have %s", strings.Join(paths, ", "))
			}
			if err := Convert(o, v1.GroupVersion.String()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, text(o)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// wantSameAgain reports what an object of v1 has lost after it was one of v1beta1.
func wantSameAgain(t *testing.T, o map[string]any) {
	t.Helper()
	want := text(o)
	for _, version := range []string{V1beta1, v1.GroupVersion.String()} {
		if err := Convert(o, version); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, text(o)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// newer are the fields that Tekton added to v1 only. They have the same name in v1beta1 here.
func newer() []string { return []string{".status.artifacts", ".status.steps[].terminationReason"} }

// renamedIn returns the paths in an object of v1beta1 that only v1 of Tekton has.
func renamedIn(t *testing.T, kind string, o map[string]any) []string {
	t.Helper()
	var paths []string
	for _, part := range []string{fieldSpec, fieldStatus} {
		if _, has := o[part]; !has {
			continue
		}
		of := pathsOf(fieldsOf(t, kind, "v1").Fields[part], "."+part)
		for _, path := range unknown(o[part], fieldsOf(t, kind, "v1beta1").Fields[part], "."+part) {
			if slices.Contains(of, path) && !slices.Contains(newer(), path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// drawn draws objects with the fields of Tekton's schemas.
type drawn struct {
	t    *rapid.T
	seen map[string]bool // the paths of the fields that are set
	all  bool            // every field is set, and every list has an element
}

// value returns a value for a field. At the places of embedded specs it has the fields of the kinds: Tekton's schema keeps what is
// there without naming it.
func (d *drawn) value(f *tektoncrds.Field, path string) any {
	if embedded := embeddedIn(path); embedded != nil {
		f = embedded
	}
	switch {
	case f.Fields != nil:
		return d.object(f, path)
	case f.Element != nil && f.Type == "array":
		list := make([]any, d.length())
		for i := range list {
			list[i] = d.value(f.Element, path+"[]")
		}
		return list
	case f.Element != nil:
		object := map[string]any{}
		for i := range d.length() {
			object["k"+strconv.Itoa(i)] = d.value(f.Element, path+"{}")
		}
		return object
	case f.Type == "array":
		return []any{"a"}
	case f.Type == "boolean":
		return rapid.Bool().Draw(d.t, path)
	case f.Type == "integer":
		return json.Number(strconv.FormatInt(rapid.Int64().Draw(d.t, path), 10))
	case f.Type == "object":
		return map[string]any{"any": rapid.SampledFrom([]string{"a", "b"}).Draw(d.t, path)}
	default:
		return rapid.SampledFrom([]string{"", "a", "b<&>\u2028", "1h0m0s"}).Draw(d.t, path)
	}
}

func (d *drawn) object(f *tektoncrds.Field, path string) map[string]any {
	object := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(f.Fields)) {
		inner := path + "." + name
		if !d.all && rapid.IntRange(0, 2).Draw(d.t, inner) > 0 {
			continue
		}
		d.seen[inner] = true
		object[name] = d.value(f.Fields[name], inner)
	}
	return object
}

func (d *drawn) length() int {
	if d.all {
		return 1
	}
	return rapid.IntRange(0, 2).Draw(d.t, "length")
}

// embeddedIn returns the fields of a spec or a status that is embedded at a path. A pipeline in the pipeline of a run has none, and
// an earlier attempt no earlier attempts.
func embeddedIn(path string) *tektoncrds.Field {
	var kind string
	part := fieldSpec
	switch {
	case strings.HasSuffix(path, "."+fieldTaskSpec):
		kind = v1.KindTask
	case strings.HasSuffix(path, "."+fieldPipelineSpec) && strings.Count(path, "."+fieldPipelineSpec) < 2:
		kind = v1.KindPipeline
	case strings.HasSuffix(path, fieldAttempts) && strings.Count(path, fieldAttempts) < 2:
		kind, part = v1.KindTaskRun, fieldStatus
	default:
		return nil
	}
	fields, err := tektoncrds.Of(kind, "v1beta1")
	if err != nil {
		return nil
	}
	embedded := fields.Fields[part]
	if part == fieldStatus {
		return &tektoncrds.Field{Type: "array", Element: embedded}
	}
	return embedded
}

// fieldAttempts ends the path of the statuses of earlier attempts.
const fieldAttempts = ".retriesStatus"

// older draws an object of v1beta1 with the fields of Tekton.
func (d *drawn) older(kind string) map[string]any {
	fields, err := tektoncrds.Of(kind, "v1beta1")
	if err != nil {
		d.t.Fatal(err)
	}
	o := map[string]any{fieldAPIVersion: V1beta1, fieldKind: kind, fieldMetadata: map[string]any{fieldName: "o"}}
	for _, part := range []string{fieldSpec, fieldStatus} {
		if f := fields.Fields[part]; f != nil {
			o[part] = d.object(f, "."+part)
		}
	}
	return o
}

// TestOlderIsTheSameAgain: an object of v1beta1 with any fields that Tekton has is the same after it was an object of v1.
func TestOlderIsTheSameAgain(t *testing.T) {
	for kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				d := &drawn{t: t, seen: map[string]bool{}}
				sameAgain(t, d.older(kind), v1.GroupVersion.String())
			})
		})
	}
}

// TestNewerIsTheSameAgain: an object of v1 with any fields that Tekton has is the same after it was one of v1beta1, whether it has what
// v1beta1 once had in its annotations or not.
func TestNewerIsTheSameAgain(t *testing.T) {
	for kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				d := &drawn{t: t, seen: map[string]bool{}}
				o := d.older(kind)
				if err := Convert(o, v1.GroupVersion.String()); err != nil {
					t.Fatal(err)
				}
				if rapid.Bool().Draw(t, "without annotations") {
					delete(o[fieldMetadata].(map[string]any), fieldAnnotations)
				}
				sameAgain(t, o, V1beta1)
			})
		})
	}
}

// sameAgain converts an object to a version and back, and compares it with what it was.
func sameAgain(t *rapid.T, o map[string]any, version string) {
	from, want := o[fieldAPIVersion].(string), text(o)
	there, err := Object([]byte(want), version)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Object(there, from)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(back)); diff != "" {
		t.Errorf("through %s\n-want +got\n%s", there, diff)
	}
}

// TestEveryFieldIsDrawn: the generator sets every field that Tekton has in v1beta1, and v1 of Tekton has each field of the converted
// object.
func TestEveryFieldIsDrawn(t *testing.T) {
	for kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			d := &drawn{seen: map[string]bool{}, all: true}
			o := rapid.Custom(func(t *rapid.T) map[string]any {
				d.t = t
				return d.older(kind)
			}).Example(1)
			for _, part := range []string{fieldSpec, fieldStatus} {
				for _, path := range pathsOf(fieldsOf(t, kind, "v1beta1").Fields[part], "."+part) {
					if !d.seen[path] {
						t.Errorf("the generator does not set %s", path)
					}
				}
			}
			if err := Convert(o, v1.GroupVersion.String()); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{fieldSpec, fieldStatus} {
				if value, has := o[part]; has {
					for _, path := range unknown(value, fieldsOf(t, kind, "v1").Fields[part], "."+part) {
						t.Errorf("v1 of Tekton does not have %s", path)
					}
				}
			}
		})
	}
}

func fieldsOf(t *testing.T, kind, version string) *tektoncrds.Field {
	t.Helper()
	fields, err := tektoncrds.Of(kind, version)
	if err != nil {
		t.Fatal(err)
	}
	return fields
}

// pathsOf returns the paths of all fields below a field.
func pathsOf(f *tektoncrds.Field, path string) []string {
	var paths []string
	switch {
	case f == nil:
	case f.Element != nil && f.Type == "array":
		paths = pathsOf(f.Element, path+"[]")
	case f.Element != nil:
		paths = pathsOf(f.Element, path+"{}")
	default:
		for name, inner := range f.Fields {
			paths = append(append(paths, path+"."+name), pathsOf(inner, path+"."+name)...)
		}
	}
	return paths
}

// unknown returns the paths in a value that are not among the fields, where these have names.
func unknown(value any, f *tektoncrds.Field, path string) []string {
	if f == nil {
		return []string{path}
	}
	var found []string
	switch value := value.(type) {
	case map[string]any:
		for name, inner := range value {
			switch {
			case f.Element != nil:
				found = append(found, unknown(inner, f.Element, path+"{}")...)
			case f.Fields != nil:
				found = append(found, unknown(inner, f.Fields[name], path+"."+name)...)
			}
		}
	case []any:
		for _, inner := range value {
			if f.Element != nil {
				found = append(found, unknown(inner, f.Element, path+"[]")...)
			}
		}
	}
	return found
}

// TestRecordedRuns: the runs that controllers of earlier versions have left are the same after they were objects of v1beta1.
func TestRecordedRuns(t *testing.T) {
	files, err := filepath.Glob("../*run/testdata/earlier/*/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("want ten recorded runs or more, got %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var recorded struct {
				TaskRun     map[string]any   `json:"taskRun"`
				PipelineRun map[string]any   `json:"pipelineRun"`
				TaskRuns    []map[string]any `json:"taskRuns"`
			}
			if err := yaml.Unmarshal(content, &recorded); err != nil {
				t.Fatal(err)
			}
			runs := map[string][]map[string]any{
				v1.KindTaskRun:     append(recorded.TaskRuns, recorded.TaskRun),
				v1.KindPipelineRun: {recorded.PipelineRun},
			}
			seen := 0
			for kind, objects := range runs {
				for _, o := range objects {
					if o == nil {
						continue
					}
					seen++
					o[fieldAPIVersion], o[fieldKind] = v1.GroupVersion.String(), kind
					wantSameAgain(t, o)
				}
			}
			if seen == 0 {
				t.Error("the file has no run")
			}
		})
	}
}

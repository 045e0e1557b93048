package admission_test

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/fill"
)

// place is a list, a map or a text somewhere in an object.
type place struct {
	// at is the path: numbers of fields, and −1 for the first element of a list or the target of a pointer.
	at   []int
	name string
}

// texts are added to strings. Each refers to something that an object of filled has, or does not have.
var texts = map[string]string{
	"right": "$(params.x)$(params['x'][*])$(params.x.k)$(results.x.path)$(workspaces.x.path)$(context.taskRun.name)" +
		"$(steps.x.results.x)$(steps.step-x.exitCode.path)$(step.results.x.path)$(tasks.x.results.x)" +
		"$(tasks.x.matrix.x.length)$(finally.x.results.x[*])",
	"wrong": "$(params.no)$(params['x'][0].k[)$(params.x.no)$(results.no.path)$(workspaces.no.path)$(context.no)" +
		"$(steps.no.results.x)$(steps.x.results.no)$(steps.step-no.exitCode.path)$(step.results.no.path)" +
		"$(tasks.no.results.x)$(tasks.x.results.no)$(tasks.no.matrix.x.length)$(finally.no.results.x)$(tasks.no.status)",
}

// opaque reports whether a type has no rules of this project, or cannot be filled field by field.
func opaque(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[resource.Quantity](), reflect.TypeFor[metav1.Time](), reflect.TypeFor[metav1.Duration](),
		reflect.TypeFor[metav1.ObjectMeta](), reflect.TypeFor[metav1.TypeMeta]():
		return true
	}
	switch t.Name() {
	case "Affinity", "Probe", "Lifecycle", "SecurityContext", "PodSecurityContext", "TaskRunStatus",
		"PipelineRunStatus", "PersistentVolumeClaimStatus", "RawExtension":
		return true
	}
	return false
}

// filled sets every field, and each list to one element, so that each rule has input.
func filled(v reflect.Value, depth int) {
	fill.Everything(v, depth, fill.With{Value: v1.ArrayValue("x"), Skip: opaque})
}

// places lists everything in a value that can grow. With within, it enters only types of this API.
func places(v reflect.Value, at []int, name string) []place {
	if opaque(v.Type()) {
		return nil
	}
	here := place{append([]int(nil), at...), name}
	switch v.Kind() {
	case reflect.String, reflect.Map:
		return []place{here}
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return places(v.Elem(), append(at, -1), name)
	case reflect.Slice:
		if v.Len() == 0 || v.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		return append([]place{here}, places(v.Index(0), append(at, -1), name+"[]")...)
	case reflect.Struct:
		var all []place
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				all = append(all, places(v.Field(i), append(at, i), name+"."+v.Type().Field(i).Name)...)
			}
		}
		return all
	default:
		return nil
	}
}

// find returns the value at a place.
func (p place) find(v reflect.Value) reflect.Value {
	for _, i := range p.at {
		switch v.Kind() {
		case reflect.Pointer:
			v = v.Elem()
		case reflect.Slice:
			v = v.Index(0)
		default:
			v = v.Field(i)
		}
	}
	return v
}

// owner names the struct that a place is in, and the field there.
func (p place) owner(v reflect.Value) string {
	t := (place{p.at[:len(p.at)-1], p.name}).find(v).Type()
	return t.PkgPath() + "." + t.Name() + p.name[strings.LastIndexByte(p.name, '.'):]
}

// grow multiplies the value at a place: n elements, n entries, or n times the text. Names of elements differ if distinct.
func (p place) grow(object reflect.Value, n int, text string, distinct bool) {
	if owner := (place{p.at[:len(p.at)-1], p.name}).find(object); owner.Type() == reflect.TypeFor[v1.Value]() {
		owner.FieldByName("Type").SetString(valueType(p.find(object).Kind()))
	}
	switch v := p.find(object); v.Kind() {
	case reflect.String:
		v.SetString(strings.Repeat(text, n))
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		filled(element, 2)
		v.Set(reflect.MakeMap(v.Type()))
		for i := range n {
			v.SetMapIndex(reflect.ValueOf("k"+strconv.Itoa(i)).Convert(v.Type().Key()), element)
		}
	case reflect.Slice:
		first := v.Index(0)
		all := reflect.MakeSlice(v.Type(), n, n)
		for i := range n {
			all.Index(i).Set(first)
			if i > 0 && distinct {
				rename(all.Index(i), i)
			}
		}
		v.Set(all)
	default:
		panic(fmt.Sprintf("%s cannot grow", p.name))
	}
}

// valueType is the type of a value that a field of this kind holds.
func valueType(kind reflect.Kind) string {
	switch kind {
	case reflect.Slice:
		return string(v1.TypeArray)
	case reflect.Map:
		return string(v1.TypeObject)
	default:
		return string(v1.TypeString)
	}
}

// rename gives an element of a list unique names.
func rename(v reflect.Value, i int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + strconv.Itoa(i))
	case reflect.Struct:
		for _, name := range []string{"Name", "PipelineTaskName", "MountPath", "DevicePath"} {
			if f := v.FieldByName(name); f.IsValid() && f.Kind() == reflect.String {
				f.SetString(f.String() + strconv.Itoa(i))
			}
		}
	default:
	}
}

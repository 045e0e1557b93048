package admission

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission/scan"
	"github.com/sluice-ci/sluice/internal/spelling"
)

// maxDecoded is the maximum memory of a decoded object without its texts, in bytes. Three bytes of JSON, "{},", can become a
// struct of a kilobyte, so an object of 1.5 MB could take 400 MB. Usual objects take less than ten times their size.
const maxDecoded = 20 << 20

// Memory that a decoder allocates besides the types of the API, in bytes.
const (
	mapEntry = 64 // an entry of a map, without its key and value
	element  = 40 // an element of a value: a string, and buffers to decode it
)

// weight is the memory for decoding into a type.
type weight struct {
	size    int                    // of the type itself
	pointer bool                   // of a pointer: size is allocated once more if there is a value
	fields  map[string]structField // of a struct, by the names of JSON as they are, and folded
	each    *weight                // of a list or a map: its elements
	entry   int                    // of a map: the additional memory of each entry
}

// structField is a field of a struct.
type structField struct {
	name string // in JSON
	of   *weight
}

// weightOf returns the weight of a type. Types with their own decoder are treated as values.
func weightOf(t reflect.Type, known map[reflect.Type]*weight) *weight {
	if w, ok := known[t]; ok {
		return w
	}
	w := &weight{size: int(t.Size())}
	known[t] = w
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return w
	}
	switch t.Kind() {
	case reflect.Pointer:
		to := weightOf(t.Elem(), known)
		*w = weight{size: to.size, pointer: true, fields: to.fields, each: to.each, entry: to.entry}
	case reflect.Slice, reflect.Array:
		w.each = weightOf(t.Elem(), known)
	case reflect.Map:
		w.each, w.entry = weightOf(t.Elem(), known), mapEntry
	case reflect.Struct:
		w.fields = map[string]structField{}
		w.addFields(t, known)
	default:
	}
	return w
}

func (w *weight) addFields(t reflect.Type, known map[reflect.Type]*weight) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case name == "" && f.Anonymous && f.Type.Kind() == reflect.Struct:
			w.addFields(f.Type, known)
		case name == "":
			w.addField(f.Name, weightOf(f.Type, known))
		default:
			w.addField(name, weightOf(decodedAs(t, f), known))
		}
	}
}

// decodedAs returns the type of the value of a field after all decoding. The rules decode the pipeline that is embedded in a task,
// which the field keeps as raw JSON because a schema cannot contain itself.
func decodedAs(of reflect.Type, f reflect.StructField) reflect.Type {
	if of == reflect.TypeFor[v1.PipelineTask]() && f.Name == "PipelineSpec" {
		return reflect.TypeFor[*v1.PipelineSpec]()
	}
	return f.Type
}

func (w *weight) addField(name string, of *weight) {
	w.fields[name] = structField{name, of}
	w.fields[spelling.Fold(name)] = structField{name, of}
}

// growth is how much heavier an update may make a stored object above maxDecoded, in bytes. An update needs room for its entry
// in managedFields.
const growth = 64 << 10

// check rejects an object that would take more than maxDecoded, unless it replaces a stored one of that weight, which users
// must be able to cancel. old is nil for a new object. check ignores invalid JSON, which the decoder rejects.
func (w *weight) check(raw, old []byte) error {
	taken := w.taken(raw, maxDecoded)
	if taken <= maxDecoded {
		return nil
	}
	if before := w.taken(old, math.MaxInt); before > maxDecoded && w.taken(raw, before+growth) <= before+growth {
		return nil
	}
	return fmt.Errorf("%w: its %d bytes would take more than the limit of %d bytes in memory; split it into several objects",
		errHeavy, len(raw), maxDecoded)
}

// errHeavy is the error for an object above maxDecoded.
var errHeavy = errors.New("it has too many small elements")

// taken returns the memory of an object in bytes, and 0 for invalid JSON. It stops counting above limit.
func (w *weight) taken(raw []byte, limit int) int {
	if !json.Valid(raw) {
		return 0
	}
	s := scale{raw: raw, limit: limit}
	s.value(scan.Blanks(raw, 0), w)
	return s.taken
}

// scale adds up the memory of an object.
type scale struct {
	raw   []byte
	limit int
	taken int
}

// value adds the memory of the value at i, without its place in its container, and returns the index after it. It stops early
// above the limit.
func (s *scale) value(i int, w *weight) int {
	b := s.raw
	if i >= len(b) || s.taken > s.limit {
		return len(b)
	}
	if w.pointer && b[i] != 'n' {
		s.taken += w.size
	}
	switch {
	case b[i] == '{' && (w.fields != nil || w.each != nil):
		return s.object(i+1, w)
	case b[i] == '[' && w.each != nil:
		return s.array(i+1, w.each)
	}
	end, elements := scan.Skip(b, i)
	if w != unknownField { // the decoder ignores it
		s.taken += elements * element
	}
	return end
}

func (s *scale) object(i int, w *weight) int {
	for {
		member, more := scan.Next(s.raw, i)
		if !more {
			return member
		}
		name, at := scan.Key(s.raw, member)
		of := w.each
		if w.fields != nil {
			of = w.field(name).of
		} else {
			s.taken += w.entry + of.size
		}
		i = s.value(at, of)
	}
}

var unknownField = &weight{} //nolint:gochecknoglobals // It is a sentinel: only its address counts, and nothing changes it.

// field returns a member of a struct, as the decoder finds it: by its name, or else without regard to the case of letters. The
// weight is unknownField for a member that the type does not have; the decoder skips it.
func (w *weight) field(name []byte) structField {
	if m, ok := w.fields[string(name)]; ok {
		return m
	}
	if m, ok := w.fields[spelling.Fold(string(name))]; ok {
		return m
	}
	return structField{of: unknownField}
}

func (s *scale) array(i int, of *weight) int {
	for {
		at, more := scan.Next(s.raw, i)
		if !more {
			return at
		}
		s.taken += of.size
		i = s.value(at, of)
	}
}

package admission

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode"
)

// maxDecoded is how much memory an object may take once it is decoded, in bytes, besides its texts. Three bytes of JSON,
// "{},", can become a struct of a kilobyte: an object of 1.5 MB would take 400 MB. What people write takes less than ten
// times its size.
const maxDecoded = 32 << 20

// Costs of what a decoder makes besides the types of the API, in bytes.
const (
	mapEntry = 64 // an entry of a map, without its key and value
	element  = 40 // an element of a value: a string, and what it is decoded through
)

// weight says what decoding into a type takes.
type weight struct {
	size    int                // of the type itself
	pointer bool               // of a pointer: size is allocated once more where there is a value
	fields  map[string]*weight // of a struct, by the names of JSON, folded as the decoder does
	each    *weight            // of a list or a map: its elements
	entry   int                // of a map: what each entry takes besides
}

// weightOf returns the weight of a type. Types that decode themselves are taken as values.
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
		w.fields = map[string]*weight{}
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
			w.fields[folded(f.Name)] = weightOf(f.Type, known)
		default:
			w.fields[folded(name)] = weightOf(f.Type, known)
		}
	}
}

// folded maps names to the same text that a decoder takes for the same: it does not mind the case of letters.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

// growth is by how much a change of a stored object above maxDecoded may make it heavier, in bytes. A change needs room for
// what the API server records about it in managedFields.
const growth = 64 << 10

// check refuses an object that would take more than maxDecoded, unless it replaces one that takes as much: that one is
// stored, and must be possible to cancel. old is nil for a new object. JSON that is not valid is left to the decoder.
func (w *weight) check(raw, old []byte) error {
	taken := w.taken(raw, maxDecoded)
	if taken <= maxDecoded {
		return nil
	}
	if before := w.taken(old, math.MaxInt); before > maxDecoded && w.taken(raw, before+growth) <= before+growth {
		return nil
	}
	return fmt.Errorf("it has too many small elements: of its %d bytes would become more than %d in memory, which is the limit; split it into several objects", len(raw), maxDecoded)
}

// taken returns what an object would take, in bytes, and 0 for JSON that is not valid. It stops counting above a limit.
func (w *weight) taken(raw []byte, limit int) int {
	if !json.Valid(raw) {
		return 0
	}
	s := scale{raw: raw, limit: limit}
	s.value(blanks(raw, 0), w)
	return s.taken
}

// scale adds up what an object takes.
type scale struct {
	raw   []byte
	limit int
	taken int
}

// value adds what the value at i takes besides the room in what holds it, and returns the index behind it. It stops early
// when that is too much.
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
	end, elements := skip(b, i)
	if w != unknownField { // the decoder makes nothing of that
		s.taken += elements * element
	}
	return end
}

func (s *scale) object(i int, w *weight) int {
	for b := s.raw; ; {
		if i = blanks(b, i); i >= len(b) || b[i] == '}' {
			return i + 1
		}
		if b[i] == ',' {
			i++
			continue
		}
		name, at := key(b, i)
		of := w.each
		if w.fields != nil {
			of = w.field(name)
		} else {
			s.taken += w.entry + of.size
		}
		i = s.value(at, of)
	}
}

var unknownField = &weight{} //nolint:gochecknoglobals // It is a sentinel: only its address counts, and nothing changes it.

// field returns the weight of a member; one that the type does not have is skipped by the decoder.
func (w *weight) field(name []byte) *weight {
	if of, ok := w.fields[string(name)]; ok {
		return of
	}
	if of, ok := w.fields[folded(string(name))]; ok {
		return of
	}
	return unknownField
}

func (s *scale) array(i int, of *weight) int {
	for b := s.raw; ; {
		if i = blanks(b, i); i >= len(b) || b[i] == ']' {
			return i + 1
		}
		if b[i] == ',' {
			i++
			continue
		}
		s.taken += of.size
		i = s.value(i, of)
	}
}

package specschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-ci/sluice/internal/admission/scan"
	"github.com/sluice-ci/sluice/internal/spelling"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Steps of an API server that validates a value. A step is about a microsecond. Design 47 has how this was measured.
const (
	perValue = 3
	// perEither is for an integer or a string: a quantity or a port. The API server tries one schema after the other.
	perEither = 12
	// perObject is for an object with fields. It needs one more step for each field that its schema declares, because the API server
	// copies the schema of each.
	perObject = 8
)

// maxRequired is how many required fields a schema can have: the bits of a set.
const maxRequired = 64

// Limits end a measurement. It is complete unless one of its figures is above.
type Limits struct {
	// Steps of the API server.
	Steps int
	// Refused values.
	Refused int
}

// Cost is what an object costs an API server.
type Cost struct {
	// Steps of the API server.
	Steps int
	// Refused is how many errors the API server finds: missing fields, and values of another type or out of bounds. It can find more, by
	// rules for the whole object.
	Refused int
	// Errors are the first maxErrors refused values, in the order of the object.
	Errors field.ErrorList
}

// Measure returns the cost of the spec of an object, in valid JSON. It takes one pass.
func (s *Schema) Measure(raw []byte, limits Limits) Cost {
	spec := property{"spec", s, -1}
	root := &Schema{properties: map[string]property{"spec": spec, spelling.Fold("spec"): spec}}
	m := meter{raw: raw, limits: limits}
	if s != nil {
		m.value(scan.Blanks(raw, 0), root)
	}
	return m.cost
}

type meter struct {
	raw    []byte
	path   []byte
	limits Limits
	cost   Cost
}

func (m *meter) ended() bool {
	return m.cost.Steps > m.limits.Steps || m.cost.Refused > m.limits.Refused
}

// value measures the value at i, and returns the index after it.
func (m *meter) value(i int, s *Schema) int {
	b := m.raw
	if i >= len(b) || m.ended() {
		return len(b)
	}
	kind := kindOf(b[i])
	switch {
	case kind == "object" && s.properties != nil:
		m.cost.Steps += perObject + s.names
	case s.intOrString:
		m.cost.Steps += perEither
	default:
		m.cost.Steps += perValue
	}
	if !s.admits(kind) {
		m.refuse(field.TypeInvalid(nil, kind, "it must be of type "+s.expected()))
		end, _ := scan.Skip(b, i)
		return end
	}
	switch {
	case kind == "object" && (s.properties != nil || s.values != nil):
		return m.object(i+1, s)
	case kind == "array" && s.items != nil:
		return m.array(i+1, s)
	}
	end, _ := scan.Skip(b, i)
	switch kind {
	case "string":
		m.text(b[i:end], s)
	case "number":
		m.number(b[i:end], s)
	}
	return end
}

func kindOf(first byte) string {
	switch first {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	default:
		return "number"
	}
}

// admits reports whether a schema admits a type of JSON.
func (s *Schema) admits(kind string) bool {
	switch {
	case s.intOrString:
		return kind == "string" || kind == "number"
	case s.kind == "":
		return true
	case kind == "null":
		return s.nullable
	case s.kind == "integer":
		return kind == "number"
	}
	return s.kind == kind
}

func (s *Schema) expected() string {
	if s.intOrString {
		return "integer or string"
	}
	return s.kind
}

func (m *meter) object(i int, s *Schema) int {
	depth, present := len(m.path), uint64(0)
	for b := m.raw; ; {
		member, more := scan.Next(b, i)
		if !more {
			m.missing(s, present)
			return member
		}
		name, at := scan.Key(b, member)
		p, known := s.property(name)
		switch {
		case known && at < len(b) && b[at] == 'n': // the API server removes null from a field
			i, _ = scan.Skip(b, at)
		case known:
			if p.needed >= 0 {
				present |= 1 << p.needed
			}
			m.enter(p.name)
			i = m.value(at, p.of)
		case s.properties == nil && s.values != nil:
			m.path = append(append(append(m.path, '['), name...), ']')
			i = m.value(at, s.values)
		default: // an unknown field is refused by name, elsewhere
			i, _ = scan.Skip(b, at)
		}
		m.path = m.path[:min(depth, len(m.path))]
	}
}

// missing refuses an object that lacks fields.
func (m *meter) missing(s *Schema, present uint64) {
	if m.ended() || bits.OnesCount64(present) == len(s.required) {
		return
	}
	for i, name := range s.required {
		if p := s.properties[name]; present&(1<<i) == 0 && (p.of == nil || !p.of.defaulted) {
			depth := len(m.path)
			m.enter(name)
			m.refuse(field.Required(nil, ""))
			m.path = m.path[:depth]
		}
	}
}

func (m *meter) enter(name string) {
	if len(m.path) > 0 {
		m.path = append(m.path, '.')
	}
	m.path = append(m.path, name...)
}

func (m *meter) array(i int, s *Schema) int {
	depth := len(m.path)
	for n := 0; ; n++ {
		at, more := scan.Next(m.raw, i)
		if !more {
			if !m.ended() && !s.count.has(float64(n)) {
				m.refuse(field.Invalid(nil, n, "the list has another number of elements than it may have"))
			}
			return at
		}
		m.path = append(strconv.AppendInt(append(m.path, '['), int64(n), 10), ']')
		i = m.value(at, s.items)
		m.path = m.path[:min(depth, len(m.path))]
	}
}

// text checks a string, with its quotes.
func (m *meter) text(raw []byte, s *Schema) {
	if s.enum == nil && s.pattern == nil && s.length == (bounds{}) && !s.time {
		return
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return // it is valid JSON
	}
	switch {
	case s.enum != nil && !s.enum[text]:
		m.refuse(field.Invalid(nil, text, "it is none of the values that the field may have"))
	case s.pattern != nil && !s.pattern.MatchString(text):
		m.refuse(field.Invalid(nil, text, fmt.Sprintf("it does not match %q", s.pattern)))
	case s.time && !isTime(text):
		m.refuse(field.Invalid(nil, text, "it is no time like 2006-01-02T15:04:05Z"))
	case !s.length.has(float64(utf8.RuneCountInString(text))):
		m.refuse(field.Invalid(nil, text, "it is longer or shorter than it may be"))
	}
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

func (m *meter) number(raw []byte, s *Schema) {
	number, err := strconv.ParseFloat(string(raw), 64)
	whole := !bytes.ContainsAny(raw, ".eE") || number == float64(int64(number))
	switch {
	case (s.kind == "integer" || s.intOrString) && (err != nil || !whole):
		m.refuse(field.TypeInvalid(nil, string(raw), "it must be of type "+s.expected()))
	case !s.number.has(number):
		m.refuse(field.Invalid(nil, string(raw), "it is out of range"))
	}
}

// maxErrors is how many errors are kept.
const maxErrors = 128

// refuse notes an error at the current path.
func (m *meter) refuse(e *field.Error) {
	m.cost.Refused++
	if len(m.cost.Errors) == maxErrors {
		return
	}
	e.Field = truncate.Text(string(m.path), maxPath)
	if text, ok := e.BadValue.(string); ok {
		e.BadValue = truncate.Text(text, maxShown)
	}
	m.cost.Errors = append(m.cost.Errors, e)
}

// maxShown is how many bytes of a value a message has, and maxPath how many of a path: the key of a map can be a megabyte.
const maxShown, maxPath = 100, 500

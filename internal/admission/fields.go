package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	jsonpatch "gomodules.xyz/jsonpatch/v2"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-ci/sluice/internal/admission/scan"
	"github.com/sluice-ci/sluice/internal/validation"
)

// The schemas keep unknown fields of a spec, so that this file can refuse them by name. It also gives fields that are written in
// another case their names, because a JSON decoder reads them, and the schemas do not know them.

// opaque is the weight of a value that is not looked into.
var opaque = &weight{} //nolint:gochecknoglobals // Nothing changes it.

// specOnly returns the weight of a kind without the fields of its metadata and status. The API server removes unknown fields
// there, and the schema of a status may be that of an earlier version.
func specOnly(root *weight) *weight {
	fields := maps.Clone(root.fields)
	for key, m := range fields {
		if m.name == "metadata" || m.name == "status" {
			fields[key] = structField{m.name, opaque}
		}
	}
	return &weight{fields: fields}
}

// spelled is a member of a JSON object that does not have the exact name of a field.
type spelled struct {
	path       []byte  // as the object spells it, for messages; valid until the visit returns
	start, end int     // of the name with its quotes
	name       string  // of the field, or empty if there is none
	in         *weight // the struct
}

// fieldScan visits the members of valid JSON that do not have the exact name of a field, in order. It takes one pass and no memory
// besides the path and the folded names.
type fieldScan struct {
	raw   []byte
	path  []byte
	visit func(spelled) (more bool)
	ended bool
}

// value scans the value at i, and returns the index after it.
func (s *fieldScan) value(i int, w *weight) int {
	switch b := s.raw; {
	case i >= len(b) || s.ended:
		return len(b)
	case b[i] == '{' && (w.fields != nil || w.each != nil):
		return s.object(i+1, w)
	case b[i] == '[' && w.each != nil:
		return s.array(i+1, w.each)
	}
	end, _ := scan.Skip(s.raw, i)
	return end
}

func (s *fieldScan) object(i int, w *weight) int {
	for {
		member, more := scan.Next(s.raw, i)
		if !more {
			return member
		}
		name, at := scan.Key(s.raw, member)
		depth, of := len(s.path), w.each
		if w.fields == nil {
			s.path = append(append(append(s.path, '['), name...), ']')
		} else {
			s.enter(name)
			of = s.member(member, name, w).of
		}
		i = s.value(at, of)
		s.path = s.path[:min(depth, len(s.path))]
	}
}

// enter adds the name of a field to the path.
func (s *fieldScan) enter(name []byte) {
	if len(s.path) > 0 {
		s.path = append(s.path, '.')
	}
	s.path = append(s.path, name...)
}

// member returns the field of a member that begins at i, and visits it if that is not its name.
func (s *fieldScan) member(i int, name []byte, w *weight) structField {
	m := w.field(name)
	if m.name != string(name) {
		s.ended = !s.visit(spelled{s.path, i, scan.Text(s.raw, i), m.name, w})
	}
	return m
}

func (s *fieldScan) array(i int, of *weight) int {
	depth := len(s.path)
	for n := 0; ; n++ {
		at, more := scan.Next(s.raw, i)
		if !more {
			return at
		}
		s.path = append(strconv.AppendInt(append(s.path, '['), int64(n), 10), ']')
		i = s.value(at, of)
		s.path = s.path[:min(depth, len(s.path))]
	}
}

// reportUnknown reports the fields of an object, in valid JSON, that the type does not have.
func reportUnknown(r *validation.Report, raw []byte, root *weight) {
	s := fieldScan{raw: raw, visit: func(f spelled) bool {
		if f.name == "" {
			r.Add(validation.UnknownField(string(f.path), f.in.names()))
		}
		return !r.Stopped()
	}}
	s.value(scan.Blanks(raw, 0), root)
}

// unknown returns the unknown fields of an object, without those of the stored object that it replaces.
func (k kindOf[T]) unknown(ctx context.Context, raw, old []byte) field.ErrorList {
	in := func(raw []byte) func(*validation.Report) {
		return func(r *validation.Report) { reportUnknown(r, raw, k.fields) }
	}
	report := validation.NewReport(ctx, nil)
	in(raw)(report)
	if len(report.Errors()) > 0 && json.Valid(old) {
		report = validation.NewReport(ctx, validation.Known(ctx, in(old)))
		in(raw)(report)
	}
	return report.Errors()
}

// names returns the fields of a struct in order.
func (w *weight) names() []string {
	all := make([]string, 0, len(w.fields))
	for _, m := range w.fields {
		all = append(all, m.name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// maxRespelled is the maximum number of fields in another case that warnings name.
const maxRespelled = 5

// respelling gives fields of an object the names that the type has.
type respelling struct {
	operations []jsonpatch.Operation
	warnings   []string
	count      int
}

// respell returns how to give fields of an object, in valid JSON, their names where only the case of letters differs. Of two
// members for one field the last one counts, as for the decoder. Nothing is copied if every name is exact.
func respell(raw []byte, root *weight) respelling {
	var r respelling
	if at := scan.Blanks(raw, 0); at >= len(raw) || raw[at] != '{' {
		return r
	}
	for i := scan.Blanks(raw, 0) + 1; ; {
		member, more := scan.Next(raw, i)
		if !more {
			break
		}
		name, at := scan.Key(raw, member)
		i = r.member(raw, string(name), at, root.field(name))
	}
	if more := r.count - len(r.warnings); more > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("%d more fields are read without regard to the case of letters", more))
	}
	return r
}

// member handles a member of the root. Its value begins at i. The result is the index after it.
func (r *respelling) member(raw []byte, name string, i int, m structField) int {
	var out []byte
	copied := i
	s := fieldScan{raw: raw, path: []byte(name), visit: func(f spelled) bool {
		if f.name != "" {
			r.note(string(f.path), f.name)
			out = append(append(append(append(out, raw[copied:f.start]...), '"'), f.name...), '"')
			copied = f.end
		}
		return true
	}}
	end := s.value(i, m.of)
	value := raw[i:end]
	if out != nil {
		out = append(out, raw[copied:end]...)
		value = out
	}
	switch path := "/" + escaped(name); {
	case m.name != "" && m.name != name:
		r.note(name, m.name)
		r.operations = append(r.operations, jsonpatch.NewOperation("remove", path, nil),
			jsonpatch.NewOperation("add", "/"+m.name, json.RawMessage(value)))
	case out != nil:
		r.operations = append(r.operations, jsonpatch.NewOperation("replace", path, json.RawMessage(value)))
	}
	return end
}

// note counts a field, and describes the first ones.
func (r *respelling) note(path, name string) {
	if r.count++; r.count <= maxRespelled {
		r.warnings = append(r.warnings, validation.Respelled(path, name))
	}
}

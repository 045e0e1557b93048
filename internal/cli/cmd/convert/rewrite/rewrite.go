// Package rewrite converts manifests to the current versions of their kinds. It edits the text at the places that differ, so that
// comments, order, anchors and layout stay. The rules are those of internal/convert.
package rewrite

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
	"github.com/sluice-ci/sluice/internal/convert"
)

// Remark is a change of a file, or the reason why there is none.
type Remark struct {
	document.Place

	// Object is the kind and the name of the object; empty for a whole document.
	Object string `json:"object,omitempty"`
	// Path is the path of the field in the object; empty for the whole object.
	Path string `json:"path,omitempty"`
	// Message says what was changed, or what to write instead.
	Message string `json:"message"`
}

// Result is what was done with a file.
type Result struct {
	// Text is the converted file; that of the file if there is a failure.
	Text []byte
	// Changes are what was changed, in the order of the file.
	Changes []Remark
	// Failures are what cannot be converted. Then the text is not changed.
	Failures []Remark
	// Notes are documents that were not read, such as templates without an object of an old version.
	Notes []Remark
}

// part is an object of a document, before and after its conversion.
type part struct {
	document.Document

	name          string
	before, after any
}

// File converts the objects of a file.
func File(name string, text []byte) (r Result) {
	r = Result{Text: text}
	defer r.sort()
	documents, errs := document.Parse(name, text)
	for _, err := range errs {
		if syntax, ok := errors.AsType[*document.SyntaxError](err); ok {
			r.unread(syntax, text)
		}
	}
	var edits []edit
	converted := make([][]part, len(documents))
	for i, d := range documents {
		var some []edit
		converted[i], some = r.document(d)
		edits = append(edits, some...)
	}
	if len(r.Failures) > 0 || len(edits) == 0 {
		r.Changes = nil
		return r
	}
	changed, ok := apply(string(text), edits)
	if !ok {
		r.Failures = append(r.Failures, Remark{Place: document.Place{File: name, Line: 1, Column: 1}, Message: entangled})
	} else if wrong, found := differing(name, changed, documents, converted); found {
		r.Failures = append(r.Failures, wrong)
	}
	if len(r.Failures) > 0 {
		r.Changes = nil
		return r
	}
	r.Text = []byte(changed)
	return r
}

// entangled is the message for a text that does not have the intended meaning after the edits.
const entangled = "the text cannot be edited in place, for example because an anchor is used where the field has another meaning; " +
	"write the value out where it is used, or convert the object by hand"

// unread records a document that is no YAML. It is a failure unless it is a template without an object of an old version.
func (r *Result) unread(err *document.SyntaxError, text []byte) {
	remark := Remark{Place: err.Place, Message: err.Problem}
	switch {
	case !err.Template:
		r.Failures = append(r.Failures, remark)
		return
	case bytes.Contains(text, []byte(convert.V1beta1)), bytes.Contains(text, []byte(convert.V1alpha1)):
		remark.Message = "the document is a template, which is YAML only after it is rendered; convert it by hand, or render it first"
		r.Failures = append(r.Failures, remark)
	default:
		remark.Message = "the document is a template and was not read"
		r.Notes = append(r.Notes, remark)
	}
}

// document converts the objects of one document.
func (r *Result) document(d document.Document) ([]part, []edit) {
	var parts []part
	var steps []step
	of := &differ{source: newSource(d.Source().Text), mappings: map[*yaml3.Node]*operations{}}
	for _, one := range d.Parts() {
		p, ok := r.part(one)
		parts = append(parts, p)
		if !ok {
			continue
		}
		of.walk(one.Root(), p.before, p.after, nil)
		for _, s := range of.steps[len(steps):] {
			r.Changes = append(r.Changes, p.remark(s))
		}
		steps = of.steps
		if of.failed != nil {
			failure := p.remark(*of.failed)
			failure.Message = entangled
			r.Failures = append(r.Failures, failure)
			return parts, nil
		}
	}
	edits := of.values
	nodes := slices.SortedFunc(maps.Keys(of.mappings), func(a, b *yaml3.Node) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for _, node := range nodes {
		some, ok := textEdits(of.source, node, of.mappings[node])
		if !ok {
			r.Failures = append(r.Failures, Remark{Place: d.PlaceOf(node), Path: of.mappings[node].path.String(), Message: entangled})
			return parts, nil
		}
		edits = append(edits, some...)
	}
	for i := range edits {
		edits[i].from += d.Source().Offset
		edits[i].to += d.Source().Offset
	}
	return parts, edits
}

func (p part) remark(s step) Remark {
	return Remark{Place: p.PlaceOf(s.at), Object: p.name, Path: s.path.String(), Message: s.what}
}

// part reads an object; ok is true if it was converted.
func (r *Result) part(d document.Document) (p part, ok bool) {
	before, err := decode(d.JSON)
	p = part{Document: d, before: before, after: before}
	object, _ := before.(map[string]any)
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	p.name = nameOf(kind, object)
	what, advice := standingOf(apiVersion, kind)
	if err != nil || what == other {
		return p, false
	}
	if what == unknown {
		r.Failures = append(r.Failures, Remark{
			Place: d.At("apiVersion"), Object: p.name, Path: "apiVersion", Message: fmt.Sprintf("%s of %s: %s", kind, apiVersion, advice),
		})
		return p, false
	}
	if twice := d.Duplicates(); len(twice) > 0 {
		for _, one := range twice {
			r.Failures = append(r.Failures, Remark{
				Place: one.Place, Object: p.name, Path: one.Key, Message: "the field occurs twice in one object; remove one of them",
			})
		}
		return p, false
	}
	after, refused, err := converted(d.JSON, kind)
	if err != nil {
		r.Failures = append(r.Failures, Remark{Place: p.Start(), Object: p.name, Message: err.Error()})
		return p, false
	}
	for _, one := range refused {
		r.Failures = append(r.Failures, Remark{Place: p.KeyAt(one.Path()), Object: p.name, Path: one.Path(), Message: one.Advice})
	}
	p.after = after
	return p, len(refused) == 0
}

// nameOf returns the kind and the name of an object for messages.
func nameOf(kind string, object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	if name, _ := metadata["name"].(string); name != "" {
		return kind + "/" + name
	}
	if name, _ := metadata["generateName"].(string); name != "" {
		return kind + "/" + name + "*"
	}
	return kind
}

func decode(raw []byte) (any, error) {
	var value any
	err := decodeInto(raw, &value)
	return value, err
}

func decodeObject(raw []byte) (map[string]any, error) {
	var object map[string]any
	err := decodeInto(raw, &object)
	return object, err
}

// decodeInto decodes JSON. Numbers keep all their digits.
func decodeInto(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// differing returns a failure if the objects of the changed text are not those that were intended.
func differing(name, text string, documents []document.Document, converted [][]part) (Remark, bool) {
	now, _ := document.Parse(name, []byte(text)) // a text that is not YAML any more is missing
	if len(now) != len(documents) {
		return Remark{Place: document.Place{File: name, Line: 1, Column: 1}, Message: entangled}, true
	}
	for i, d := range documents {
		parts := now[i].Parts()
		if len(parts) != len(converted[i]) || !reflect.DeepEqual(around(d), around(now[i])) {
			return Remark{Place: d.Start(), Message: entangled}, true
		}
		for j, p := range converted[i] {
			if value, err := decode(parts[j].JSON); err != nil || !reflect.DeepEqual(value, p.after) {
				return Remark{Place: p.Start(), Object: p.name, Message: entangled}, true
			}
		}
	}
	return Remark{}, false
}

// around returns a document that contains others without them; nil for any other document.
func around(d document.Document) any {
	if parts := d.Parts(); len(parts) == 1 && parts[0].Root() == d.Root() {
		return nil
	}
	value, err := decode(d.JSON)
	object, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil
	}
	delete(object, "items")
	if spec, ok := object["spec"].(map[string]any); ok {
		delete(spec, "resourcetemplates")
	}
	return object
}

// sort sorts the remarks by their places. An anchor that several fields use has its changes once.
func (r *Result) sort() {
	for _, remarks := range []*[]Remark{&r.Changes, &r.Failures, &r.Notes} {
		slices.SortStableFunc(*remarks, func(a, b Remark) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		*remarks = slices.CompactFunc(*remarks, func(a, b Remark) bool { return a.Place == b.Place && a.Message == b.Message })
	}
}

// Changed reports whether the text of the file has changed.
func (r *Result) Changed() bool { return len(r.Changes) > 0 }

// String returns the remark in one line: the place, the object, the path and the message.
func (m Remark) String() string {
	subject := strings.TrimSpace(m.Object + " " + m.Path)
	if subject != "" {
		subject += ": "
	}
	return m.Place.String() + ": " + subject + m.Message
}

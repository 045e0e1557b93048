// Package specschema has the schemas of the specs of all kinds, as the CRDs declare them, and says what an object costs an API server
// that validates it with them.
//
// The time of the API server for that is proportional to the number of elements, and to the square of the number of refused values,
// because it compares each error with all others. Thirty kilobytes of "{}" in a list of params occupy it for seconds. A webhook
// that changes objects is called before this validation, so it can refuse such an object in a few milliseconds.
//
// specs.json is generated from config/crd/bases: {"kinds": {kind: number}, "schemas": [schema, …]}. In a schema, other schemas are
// numbers of this list. The keywords are those of OpenAPI; "default" only says that there is one.
package specschema

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"sync"

	"github.com/sluice-ci/sluice/internal/spelling"
)

//go:embed specs.json
var specs []byte

// Schema is a structural schema. A nil Schema admits everything.
type Schema struct {
	kind        string // the type of JSON; empty if there is none
	intOrString bool
	nullable    bool
	defaulted   bool
	properties  map[string]property // by name, and by folded name
	names       int                 // how many properties there are
	required    []string
	items       *Schema
	values      *Schema // of a map
	enum        map[string]bool
	pattern     *regexp.Regexp
	time        bool   // the format date-time
	length      bounds // of a text, in characters
	number      bounds
	count       bounds // of a list
}

// property is a field of an object.
type property struct {
	name   string
	of     *Schema
	needed int // its position in required, or -1
}

// bounds are the least and the greatest value; nil if there is none.
type bounds struct{ least, greatest *float64 }

func (b bounds) has(n float64) bool {
	return (b.least == nil || n >= *b.least) && (b.greatest == nil || n <= *b.greatest)
}

// Of returns the schema of the spec of a kind; nil for a kind without a CRD here.
func Of(kind string) *Schema { return all()[kind] }

var all = sync.OnceValue(func() map[string]*Schema { //nolint:gochecknoglobals // It is parsed once, and nothing changes it.
	kinds, err := parse(specs)
	if err != nil {
		panic(fmt.Sprintf("the built-in schemas: %v; run: make generate", err))
	}
	return kinds
})

// written is a schema in specs.json.
type written struct {
	Type        string         `json:"type"`
	IntOrString bool           `json:"x-kubernetes-int-or-string"`
	Nullable    bool           `json:"nullable"`
	Default     bool           `json:"default"`
	Properties  map[string]int `json:"properties"`
	Required    []string       `json:"required"`
	Items       *int           `json:"items"`
	Values      *int           `json:"additionalProperties"`
	Enum        []any          `json:"enum"`
	Pattern     string         `json:"pattern"`
	Format      string         `json:"format"`
	MinLength   *float64       `json:"minLength"`
	MaxLength   *float64       `json:"maxLength"`
	Minimum     *float64       `json:"minimum"`
	Maximum     *float64       `json:"maximum"`
	MinItems    *float64       `json:"minItems"`
	MaxItems    *float64       `json:"maxItems"`
}

func parse(text []byte) (map[string]*Schema, error) {
	var file struct {
		Kinds   map[string]int `json:"kinds"`
		Schemas []written      `json:"schemas"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("cannot decode them: %w", err)
	}
	schemas := make([]*Schema, 0, len(file.Schemas))
	for i, w := range file.Schemas {
		s, err := w.schema(schemas)
		if err != nil {
			return nil, fmt.Errorf("cannot use schema %d: %w", i, err)
		}
		schemas = append(schemas, s)
	}
	kinds := map[string]*Schema{}
	for kind, number := range file.Kinds {
		kinds[kind] = schemas[number]
	}
	return kinds, nil
}

// schema returns the schema. Those that it refers to come before it.
func (w written) schema(before []*Schema) (*Schema, error) {
	s := &Schema{
		kind: w.Type, intOrString: w.IntOrString, nullable: w.Nullable, defaulted: w.Default,
		names: len(w.Properties), required: w.Required, time: w.Format == "date-time",
		length: bounds{w.MinLength, w.MaxLength}, number: bounds{w.Minimum, w.Maximum}, count: bounds{w.MinItems, w.MaxItems},
	}
	if len(s.required) > maxRequired {
		return nil, fmt.Errorf("%d fields are required, and the limit is %d", len(s.required), maxRequired)
	}
	if w.Items != nil {
		s.items = before[*w.Items]
	}
	if w.Values != nil {
		s.values = before[*w.Values]
	}
	if w.Properties != nil {
		s.properties = map[string]property{}
	}
	for name, number := range w.Properties {
		p := property{name: name, of: before[number], needed: s.position(name)}
		s.properties[name], s.properties[spelling.Fold(name)] = p, p
	}
	for _, value := range w.Enum {
		if text, ok := value.(string); ok && s.enum == nil {
			s.enum = map[string]bool{text: true}
		} else if ok {
			s.enum[text] = true
		}
	}
	var err error
	if w.Pattern != "" {
		s.pattern, err = regexp.Compile(w.Pattern)
	}
	return s, err
}

// position returns the position of a name in required, or -1.
func (s *Schema) position(name string) int {
	for i, required := range s.required {
		if required == name {
			return i
		}
	}
	return -1
}

// property returns the field of an object that a member becomes: of its name, or of its name without regard to the case of letters.
func (s *Schema) property(name []byte) (property, bool) {
	if p, ok := s.properties[string(name)]; ok {
		return p, true
	}
	p, ok := s.properties[spelling.Fold(string(name))]
	return p, ok
}

package rewrite

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
)

// path is the path of a value: the last element and the path before it.
type path struct {
	before  *path
	element string
}

func (p *path) child(key string) *path { return &path{p, key} }

// String returns the path in the form spec.steps[0].image.
func (p *path) String() string {
	var elements []string
	for ; p != nil; p = p.before {
		elements = append(elements, p.element)
	}
	slices.Reverse(elements)
	var b strings.Builder
	for i, element := range elements {
		if i > 0 && !strings.HasPrefix(element, "[") {
			b.WriteByte('.')
		}
		b.WriteString(element)
	}
	return b.String()
}

// step is a change of one field or value, for the report.
type step struct {
	at   *yaml3.Node
	path *path
	what string
}

// differ finds the operations that make the text of a value mean another value.
type differ struct {
	source *source
	// mappings are the operations by the mapping in whose text they are.
	mappings map[*yaml3.Node]*operations
	// values are new texts of scalars.
	values []edit
	steps  []step
	// failed is the first value whose text cannot be changed.
	failed *step
}

// operations are the changes of the entries of one mapping.
type operations struct {
	path *path
	// renamed has the new keys of entries, and removed the entries to remove, by their number in the mapping.
	renamed map[int]string
	removed map[int]bool
	// moved are entries that become entries of a new mapping, and added are new entries, by the key of the new entry.
	moved map[string]move
	added map[string]any
}

// move is a new mapping from entries of the mapping that it is in.
type move struct {
	// members has the key of each entry in the new mapping, by the number of the entry.
	members map[int]string
	// others are further entries.
	others map[string]any
}

// field is an entry of a mapping, or of one that it merges.
type field struct {
	key, value *yaml3.Node
	of         *yaml3.Node
	number     int
}

func (d *differ) fail(n *yaml3.Node, at *path, what string) {
	if d.failed == nil {
		d.failed = &step{n, at, what}
	}
}

func (d *differ) of(mapping *yaml3.Node, at *path) *operations {
	if d.mappings[mapping] == nil {
		d.mappings[mapping] = &operations{
			path: at, renamed: map[int]string{}, removed: map[int]bool{}, moved: map[string]move{}, added: map[string]any{},
		}
	}
	return d.mappings[mapping]
}

// walk compares a value before and after the conversion. Node is the node of the value before.
func (d *differ) walk(node *yaml3.Node, before, after any, at *path) {
	for node.Kind == yaml3.AliasNode {
		node = node.Alias
	}
	switch value := before.(type) {
	case map[string]any:
		if other, ok := after.(map[string]any); ok && node.Kind == yaml3.MappingNode {
			d.mapping(node, value, other, at)
			return
		}
	case []any:
		if other, ok := after.([]any); ok && len(other) == len(value) && len(node.Content) == len(value) {
			for i := range value {
				d.walk(node.Content[i], value[i], other[i], at.child("["+strconv.Itoa(i)+"]"))
			}
			return
		}
	default:
		if before == after {
			return
		}
		if text, ok := after.(string); ok && d.scalar(node, text, at) {
			return
		}
	}
	d.fail(node, at, "the value changes as a whole")
}

// scalar changes the text of a string. It keeps the quotation marks.
func (d *differ) scalar(node *yaml3.Node, text string, at *path) bool {
	offset, ok := d.source.at(node)
	if !ok || node.Kind != yaml3.ScalarNode || !simple(text) {
		return false
	}
	from := d.source.valueStart(offset)
	to, quote := from+len(node.Value), ""
	switch {
	case enclosed(node):
		to, quote = d.source.flowEnd(from), d.source.raw[from:from+1]
	case !strings.HasPrefix(d.source.raw[from:], node.Value):
		return false
	}
	d.values = append(d.values, edit{from, to, quote + text + quote})
	d.steps = append(d.steps, step{node, at, fmt.Sprintf("%s replaced with %s", node.Value, text)})
	return true
}

// simple reports whether a text needs no quotation marks and no escapes.
func simple(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./-") == "" &&
		!strings.ContainsAny(text[:1], "-./0123456789")
}

// mapping compares the fields of an object.
func (d *differ) mapping(node *yaml3.Node, before, after map[string]any, at *path) {
	fields := fieldsOf(node)
	gone := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(before)) {
		entry, ok := fields[key]
		switch other, kept := after[key]; {
		case !ok:
			d.fail(node, at.child(key), "the key has another form")
			return
		case kept:
			d.walk(entry.value, before[key], other, at.child(key))
		default:
			gone[key] = before[key]
		}
	}
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[key]; !ok {
			d.add(node, fields, gone, key, after[key], at)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(gone)) {
		entry := fields[key]
		d.of(entry.of, at).removed[entry.number] = true
		d.steps = append(d.steps, step{entry.key, at.child(key), "removed: it had no effect, and the new version does not have it"})
	}
}

// add finds where the value of a new field comes from: from a field that is gone, from several of them, or from neither.
func (d *differ) add(node *yaml3.Node, fields map[string]field, gone map[string]any, key string, value any, at *path) {
	if from, ok := origin(gone, key, value); ok {
		delete(gone, from)
		entry := fields[from]
		d.of(entry.of, at).renamed[entry.number] = key
		d.steps = append(d.steps, step{entry.key, at.child(from), "renamed to " + key})
		return
	}
	if from, ok := similar(gone, key, value); ok { // what is in it changes, too
		entry, before := fields[from], gone[from]
		delete(gone, from)
		d.of(entry.of, at).renamed[entry.number] = key
		d.steps = append(d.steps, step{entry.key, at.child(from), "renamed to " + key})
		d.walk(entry.value, before, value, at.child(from))
		return
	}
	inner, ok := value.(map[string]any)
	if !ok {
		d.insert(node, key, value, at)
		return
	}
	m := move{members: map[int]string{}, others: map[string]any{}}
	for _, name := range slices.Sorted(maps.Keys(inner)) {
		from, found := origin(gone, name, inner[name])
		if !found || fields[from].of != node {
			m.others[name] = inner[name]
			continue
		}
		delete(gone, from)
		m.members[fields[from].number] = name
		d.steps = append(d.steps, step{fields[from].key, at.child(from), "moved to " + at.child(key).child(name).String()})
	}
	if len(m.members) == 0 {
		d.insert(node, key, value, at)
		return
	}
	d.of(node, at).moved[key] = m
}

func (d *differ) insert(node *yaml3.Node, key string, value any, at *path) {
	d.of(node, at).added[key] = value
	d.steps = append(d.steps, step{node, at.child(key), "added"})
}

// origin returns the field that is gone whose value a new field has. A field whose name is part of the new one is preferred.
func origin(gone map[string]any, key string, value any) (from string, ok bool) {
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		if !reflect.DeepEqual(gone[name], value) {
			continue
		}
		if related(name, key) {
			return name, true
		}
		if !ok {
			from, ok = name, true
		}
	}
	return from, ok
}

// similar returns the list that is gone which a new list of the same length replaces: the one whose name begins most like the new
// name.
func similar(gone map[string]any, key string, value any) (from string, ok bool) {
	list, isList := value.([]any)
	longest := 0
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		before, wasList := gone[name].([]any)
		if common := commonPrefix(name, key); isList && wasList && len(before) == len(list) && common > longest {
			from, longest, ok = name, common, true
		}
	}
	return from, ok
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func related(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return strings.HasSuffix(a, b) || strings.HasSuffix(b, a)
}

// fieldsOf returns the fields of a mapping, also those that it merges with "<<". Its own fields override them.
func fieldsOf(mapping *yaml3.Node) map[string]field {
	fields := map[string]field{}
	collect(mapping, fields, 0)
	return fields
}

// maxMerges bounds the depth of mappings that merge others.
const maxMerges = 100

func collect(mapping *yaml3.Node, fields map[string]field, depth int) {
	if depth > maxMerges {
		return
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if key := mapping.Content[i]; key.Tag != "!!merge" {
			if _, ok := fields[key.Value]; !ok {
				fields[key.Value] = field{key, mapping.Content[i+1], mapping, i / 2}
			}
		}
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Tag != "!!merge" {
			continue
		}
		from := []*yaml3.Node{mapping.Content[i+1]}
		if from[0].Kind == yaml3.SequenceNode {
			from = from[0].Content
		}
		for _, one := range from {
			for one.Kind == yaml3.AliasNode {
				one = one.Alias
			}
			if one.Kind == yaml3.MappingNode {
				collect(one, fields, depth+1)
			}
		}
	}
}

// inline returns a value as JSON, which YAML includes.
func inline(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "null" // no value of JSON is like that, and the result is compared
	}
	return string(text)
}

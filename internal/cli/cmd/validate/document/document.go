// Package document reads YAML files that hold several documents, and knows where in the file each field of them stands.
package document

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// Document is one document of a file.
type Document struct {
	// File is the name that the file was given by.
	File string
	// JSON is the document as the API server would get it: YAML is read by the rules of kubectl.
	JSON []byte

	root *yaml3.Node
	// skipped are the lines of the file before the document's text.
	skipped int
}

// Place is where something stands in a file. Lines and columns count from 1; columns count characters.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String is the place as compilers and editors write it.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// SyntaxError says that a document is not YAML.
type SyntaxError struct {
	Place   Place
	Problem string
}

// Error names the place and the problem.
func (e *SyntaxError) Error() string { return e.Place.String() + ": " + e.Problem }

// Duplicate is a key that a mapping has twice; of its values YAML takes the last.
type Duplicate struct {
	Place Place
	Key   string
}

// Parse splits a file into its documents. Empty ones are left out. The errors, each a *SyntaxError, are of the documents
// that are not among the returned ones.
func Parse(file string, text []byte) ([]Document, []error) {
	var documents []Document
	var errs []error
	for _, p := range split(string(text)) {
		d, err := read(file, p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if d.root != nil {
			documents = append(documents, d)
		}
	}
	return documents, errs
}

// part is the text of one document, and the lines before it.
type part struct {
	skipped int
	text    string
}

// split cuts a file at its lines that begin with "---". Within a text of several lines such a line is indented.
func split(text string) []part {
	var parts []part
	var current strings.Builder
	began := 0
	for i, line := range strings.SplitAfter(text, "\n") {
		if rest, found := strings.CutPrefix(line, "---"); found && (strings.TrimSpace(rest) == "" || rest[0] == ' ' || rest[0] == '\t') {
			parts = append(parts, part{began, current.String()})
			current.Reset()
			began = i
		}
		current.WriteString(line)
	}
	return append(parts, part{began, current.String()})
}

// read parses one document; its root is nil when nothing is in it.
func read(file string, p part) (Document, error) {
	var root yaml3.Node
	err := yaml3.NewDecoder(strings.NewReader(p.text)).Decode(&root)
	if errors.Is(err, io.EOF) || err == nil && empty(&root) {
		return Document{}, nil
	}
	d := Document{File: file, skipped: p.skipped, root: &root}
	if err == nil {
		d.JSON, err = yaml.YAMLToJSON([]byte(p.text))
	}
	if err != nil {
		line, problem := located(err)
		return Document{}, &SyntaxError{Place{file, p.skipped + line, 1}, problem}
	}
	return d, nil
}

func empty(root *yaml3.Node) bool {
	return len(root.Content) == 0 || root.Content[0].Kind == yaml3.ScalarNode && root.Content[0].Tag == "!!null"
}

// located takes the line out of what the parser says, which is the only place where it gives one.
func located(err error) (line int, problem string) {
	problem = strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	found := regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): `).FindStringSubmatch(problem)
	if found == nil {
		return 1, "this is not YAML: " + strings.TrimPrefix(problem, "yaml: ")
	}
	line, _ = strconv.Atoi(found[1]) // the pattern lets nothing but digits through
	return max(1, line), "this is not YAML: " + problem[len(found[0]):]
}

// Start is where the document begins.
func (d Document) Start() Place { return d.place(content(d.root)) }

func (d Document) place(n *yaml3.Node) Place { return Place{d.File, d.skipped + n.Line, n.Column} }

// At is where the field of this path stands, in the form of field.Path: spec.steps[2].env[0].name. Of a field that is not
// there, it is the place of what would hold it.
func (d Document) At(path string) Place {
	key, value := d.find(path)
	if value.Kind == yaml3.ScalarNode {
		return d.place(value)
	}
	return d.place(key)
}

// KeyAt is At, but the place of the field's name instead of its value.
func (d Document) KeyAt(path string) Place {
	key, _ := d.find(path)
	return d.place(key)
}

// find returns the key and the value at a path, or as far on the way there as it goes.
func (d Document) find(path string) (key, value *yaml3.Node) {
	key, value = content(d.root), content(d.root)
	for rest := "." + path; rest != "."; {
		nextKey, nextValue, behind, ok := step(value, rest)
		if !ok {
			break
		}
		key, value, rest = nextKey, nextValue, behind
	}
	return key, value
}

// step goes one field or element further. Of several keys that fit, the longest is meant: keys can hold dots.
func step(in *yaml3.Node, path string) (key, value *yaml3.Node, rest string, ok bool) {
	in = resolved(in)
	switch in.Kind {
	case yaml3.SequenceNode:
		inside, behind, found := strings.Cut(strings.TrimPrefix(path, "["), "]")
		index, err := strconv.Atoi(inside)
		if !found || err != nil || index < 0 || index >= len(in.Content) {
			return nil, nil, "", false
		}
		return in.Content[index], resolved(in.Content[index]), behind, true
	case yaml3.MappingNode:
		longest := -1
		for _, e := range entries(in) {
			behind, found := cutKey(path, e.key.Value)
			if found && len(e.key.Value) > longest {
				longest = len(e.key.Value)
				key, value, rest, ok = e.key, resolved(e.value), behind, true
			}
		}
	default:
	}
	return key, value, rest, ok
}

// cutKey cuts ".key" or "[key]" from the beginning of a path.
func cutKey(path, key string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(path, "["+key+"]"); ok {
		return rest, true
	}
	rest, ok = strings.CutPrefix(path, "."+key)
	return rest, ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

type entry struct{ key, value *yaml3.Node }

// entries are those of a mapping, behind those that it takes over from others with "<<".
func entries(mapping *yaml3.Node) []entry {
	var merged, own []entry
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if key.Tag != "!!merge" {
			own = append(own, entry{key, value})
			continue
		}
		from := []*yaml3.Node{resolved(value)}
		if from[0].Kind == yaml3.SequenceNode {
			from = from[0].Content
		}
		for _, m := range from {
			if m = resolved(m); m.Kind == yaml3.MappingNode && m != mapping {
				merged = append(merged, entries(m)...)
			}
		}
	}
	return append(merged, own...)
}

// resolved is what an alias stands for, and any other node itself.
func resolved(n *yaml3.Node) *yaml3.Node {
	for n.Kind == yaml3.AliasNode {
		n = n.Alias
	}
	return n
}

func content(root *yaml3.Node) *yaml3.Node {
	if root.Kind == yaml3.DocumentNode {
		return root.Content[0]
	}
	return root
}

// Duplicates are the keys that stand twice in one mapping.
func (d Document) Duplicates() []Duplicate {
	var found []Duplicate
	var visit func(n *yaml3.Node)
	visit = func(n *yaml3.Node) {
		if n.Kind == yaml3.MappingNode {
			seen := map[string]bool{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				key := n.Content[i]
				if seen[key.Value] && key.Tag != "!!merge" {
					found = append(found, Duplicate{d.place(key), key.Value})
				}
				seen[key.Value] = true
			}
		}
		for _, child := range n.Content {
			visit(child)
		}
	}
	visit(d.root)
	return found
}

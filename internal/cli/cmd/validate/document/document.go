// Package document parses YAML files with several documents, and finds the place of each field in the file.
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
	// File is the name of the file, as the caller gave it.
	File string
	// JSON is the document as the API server would get it. YAML is converted as kubectl does it.
	JSON []byte

	root  *yaml3.Node
	lines []string
	// skipped is the number of lines before the text of the document.
	skipped int
	source  Source
}

// Source is the text of a document in its file.
type Source struct {
	// Text is the whole text of the document, from its line "---" if it has one.
	Text string
	// Offset is the number of bytes before it in the file.
	Offset int
}

// Place is a place in a file. Lines and columns count from 1. Columns count characters.
type Place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String returns the place in the format of compilers and editors.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// SyntaxError is a document that is not YAML.
type SyntaxError struct {
	Place   Place
	Problem string
	// Template is true if the text has actions of a template, so that it is YAML only after it is rendered.
	Template bool
}

// Error returns the place and the problem.
func (e *SyntaxError) Error() string { return e.Place.String() + ": " + e.Problem }

// Duplicate is a key that occurs twice in one mapping. YAML parsers use its last value.
type Duplicate struct {
	Place Place
	Key   string
}

// Parse splits a file into its documents, and drops empty ones. It returns a *SyntaxError for each document that is not YAML;
// these documents are not in the list.
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

// Texts splits a file into the texts of its documents, also of empty ones. Together they are the file.
func Texts(text string) []string {
	parts := split(text)
	texts := make([]string, len(parts))
	for i := range parts {
		texts[i] = parts[i].text
	}
	return texts
}

// part is the text of one document, and the number of lines and of bytes before it.
type part struct {
	skipped int
	offset  int
	text    string
}

// split splits a file at the lines that begin with "---". In a block of text such a line is indented, and does not split.
func split(text string) []part {
	var parts []part
	var current strings.Builder
	began, offset := 0, 0
	for i, line := range strings.SplitAfter(text, "\n") {
		if rest, found := strings.CutPrefix(line, "---"); found && (strings.TrimSpace(rest) == "" || rest[0] == ' ' || rest[0] == '\t') {
			parts = append(parts, part{began, offset, current.String()})
			offset += current.Len()
			current.Reset()
			began = i
		}
		current.WriteString(line)
	}
	return append(parts, part{began, offset, current.String()})
}

// read parses one document. Its root is nil if the document is empty.
func read(file string, p part) (Document, error) {
	var root yaml3.Node
	err := yaml3.NewDecoder(strings.NewReader(p.text)).Decode(&root)
	if errors.Is(err, io.EOF) || err == nil && empty(&root) {
		return Document{}, nil
	}
	d := Document{
		File: file, skipped: p.skipped, root: &root, lines: strings.Split(p.text, "\n"), source: Source{Text: p.text, Offset: p.offset},
	}
	if err == nil {
		d.JSON, err = yaml.YAMLToJSON([]byte(p.text))
	}
	if err != nil {
		line, problem := located(err)
		return Document{}, &SyntaxError{Place{file, p.skipped + line, 1}, problem, hasAction(p.text)}
	}
	return d, nil
}

func empty(root *yaml3.Node) bool {
	return len(root.Content) == 0 || root.Content[0].Kind == yaml3.ScalarNode && root.Content[0].Tag == "!!null"
}

// located extracts the line from the message of the parser, which returns it in no other way.
func located(err error) (line int, problem string) {
	problem = strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
	found := regexp.MustCompile(`^yaml: (?:unmarshal errors:\s+)?line (\d+): `).FindStringSubmatch(problem)
	if found == nil {
		return 1, "this is not YAML: " + strings.TrimPrefix(problem, "yaml: ")
	}
	line, _ = strconv.Atoi(found[1]) // the pattern permits only digits
	return max(1, line), "this is not YAML: " + problem[len(found[0]):]
}

// TemplateAt reports whether the line of a place has an action of a template.
func (d Document) TemplateAt(at Place) bool {
	line := at.Line - d.skipped - 1
	return line >= 0 && line < len(d.lines) && hasAction(d.lines[line])
}

// hasAction reports whether a text has an action of a Go template, as Helm has them, or a param of a TriggerTemplate.
func hasAction(text string) bool {
	_, rest, found := strings.Cut(text, "{{")
	return found && strings.Contains(rest, "}}") || strings.Contains(text, "$(tt.params.")
}

// Source returns the text of the document that this one is, or is a part of.
func (d Document) Source() Source { return d.source }

// Root returns the node of the document's value. Its line counts from the begin of Source.
func (d Document) Root() *yaml3.Node { return content(d.root) }

// Start returns the place where the document begins.
func (d Document) Start() Place { return d.place(content(d.root)) }

// PlaceOf returns the place of a node below Root.
func (d Document) PlaceOf(n *yaml3.Node) Place { return d.place(n) }

func (d Document) place(n *yaml3.Node) Place { return Place{d.File, d.skipped + n.Line, n.Column} }

// At returns the place of the value at a path in the form of field.Path: spec.steps[2].env[0].name. If there is no such
// field, it returns the place of its nearest existing parent.
func (d Document) At(path string) Place {
	key, value := d.find(path)
	if value.Kind == yaml3.ScalarNode {
		return d.place(value)
	}
	return d.place(key)
}

// KeyAt is like At, but returns the place of the field's name.
func (d Document) KeyAt(path string) Place {
	key, _ := d.find(path)
	return d.place(key)
}

// find returns the key and the value at a path, or of the longest part of the path that exists.
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

// step descends by one field or element. Keys may contain dots, so if several keys match, it uses the longest.
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
		for _, cut := range []func(path, key string) (string, bool){cutKey, cutFoldedKey} {
			longest := -1
			for _, e := range entries(in) {
				behind, found := cut(path, e.key.Value)
				if found && len(e.key.Value) > longest {
					longest = len(e.key.Value)
					key, value, rest, ok = e.key, resolved(e.value), behind, true
				}
			}
			if ok {
				break
			}
		}
	default:
	}
	return key, value, rest, ok
}

// cutKey removes ".key" or "[key]" from the beginning of a path.
func cutKey(path, key string) (rest string, ok bool) {
	if rest, ok = strings.CutPrefix(path, "["+key+"]"); ok {
		return rest, true
	}
	rest, ok = strings.CutPrefix(path, "."+key)
	return rest, ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// cutFoldedKey is cutKey for a field in another case, which a decoder reads.
func cutFoldedKey(path, key string) (rest string, ok bool) {
	end := len(".") + len(key)
	if path == "" || path[0] != '.' || len(path) < end || !strings.EqualFold(path[len("."):end], key) {
		return "", false
	}
	rest = path[end:]
	return rest, rest == "" || rest[0] == '.' || rest[0] == '['
}

type entry struct{ key, value *yaml3.Node }

// entries returns the entries of a mapping, after those that it merges from others with "<<".
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

// resolved returns the target of an alias, and any other node unchanged.
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

// Duplicates returns the keys that occur twice in one mapping.
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

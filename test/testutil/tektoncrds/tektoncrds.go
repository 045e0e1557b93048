// Package tektoncrds has the fields of Tekton's kinds as facts: as CustomResourceDefinitions for a test cluster that looks as
// if Tekton were installed, and as a strict decoder like that of Tekton's webhook.
//
// The lists in fields/ are those of Tekton Pipelines 1.15. Package generate writes them from a folder of its
// CustomResourceDefinitions.
package tektoncrds

import (
	"embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed fields/*.txt
var files embed.FS

// Field is a field of a kind: what its values are, and which fields they have.
type Field struct {
	// Type is that of the schema, "int-or-string", or "any" where the schema names no type.
	Type string
	// Keeps reports whether the schema keeps unknown fields below this one.
	Keeps bool
	// Fields of an object, by their names.
	Fields map[string]*Field
	// Element of a list, or of a map with arbitrary keys; nil for others.
	Element *Field
}

// Of returns the fields of a version of a kind, for example ("TaskRun", "v1"). The caller must not change them.
func Of(kind, version string) (*Field, error) {
	all, err := load()
	if err != nil {
		return nil, err
	}
	found, ok := all[kind+"."+version]
	if !ok {
		return nil, fmt.Errorf("cannot find the fields of kind %q in version %q: fields/ has no such file", kind, version)
	}
	return found, nil
}

// load reads the lists once.
//
//nolint:gochecknoglobals // the embedded lists never change
var load = sync.OnceValues(func() (map[string]*Field, error) {
	entries, err := files.ReadDir("fields")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Field, len(entries))
	for _, entry := range entries {
		text, err := files.ReadFile("fields/" + entry.Name())
		if err != nil {
			return nil, err
		}
		root := &Field{Type: typeObject}
		for line := range strings.Lines(string(text)) {
			if err := root.add(strings.Fields(line)); err != nil {
				return nil, fmt.Errorf("cannot read %s: line %q: %w", entry.Name(), line, err)
			}
		}
		all[strings.TrimSuffix(entry.Name(), ".txt")] = root
	}
	return all, nil
})

// add adds the field of a line: its path, its type, and perhaps "keeps".
func (f *Field) add(words []string) error {
	if len(words) < 2 {
		return fmt.Errorf("want a path and a type, got %d words", len(words))
	}
	into := f
	for _, step := range steps(words[0]) {
		into = into.child(step)
	}
	into.Type, into.Keeps = words[1], len(words) > 2 && words[2] == "keeps"
	return nil
}

// steps splits a path: ".status.steps[].name" is status, steps, [], name.
func steps(path string) []string {
	path = strings.NewReplacer("[]", ".[]", "{}", ".{}").Replace(path)
	return strings.Split(strings.TrimPrefix(path, "."), ".")
}

func (f *Field) child(step string) *Field {
	if step == "[]" || step == "{}" {
		if f.Element == nil {
			f.Element = &Field{}
		}
		return f.Element
	}
	if f.Fields == nil {
		f.Fields = map[string]*Field{}
	}
	if f.Fields[step] == nil {
		f.Fields[step] = &Field{}
	}
	return f.Fields[step]
}

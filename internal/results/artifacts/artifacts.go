// Package artifacts is the document in which a step says which artifacts it read and which it made. The controller and the code
// in a pod read it with the same rules.
package artifacts

import (
	"encoding/json"
	"slices"
)

// The two lists of a document, as variables and the document name them.
const (
	Inputs  = "inputs"
	Outputs = "outputs"
)

// Document is what one file says.
type Document struct {
	// Inputs are what was read, and Outputs what was made, each in the order of the file. A name occurs once in each.
	Inputs, Outputs []Artifact
}

// Artifact is something that a step read or made.
type Artifact struct {
	// Name is not empty.
	Name string
	// Values are its copies.
	Values []Value
	// BuildOutput marks an output that is the purpose of the task.
	BuildOutput bool
}

// Value is one copy of an artifact. The order of the fields is that of the text of Text.
type Value struct {
	// Digest has digests by algorithm.
	Digest map[string]string `json:"digest,omitempty"`
	// URI is where the copy is.
	URI string `json:"uri,omitempty"`
}

// List returns the list of the document that Inputs or Outputs names.
func (d Document) List(of string) []Artifact {
	if of == Inputs {
		return d.Inputs
	}
	return d.Outputs
}

// Find returns the artifact with a name in one of the lists, and false if there is none.
func (d Document) Find(of, name string) (Artifact, bool) {
	list := d.List(of)
	i := slices.IndexFunc(list, func(a Artifact) bool { return a.Name == name })
	if i < 0 {
		return Artifact{}, false
	}
	return list[i], true
}

// Text returns values as the JSON that stands for an artifact in the place of a variable: a list, in one line.
func Text(values []Value) string {
	if len(values) == 0 {
		return "[]"
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(err) // maps of texts can always be encoded
	}
	return string(b)
}

// Merge returns all documents as one: each name once in each list, in the order of their first places, with the different values
// of all documents. An output is a build output if any document says so.
func Merge(documents ...Document) Document {
	inputs, outputs := newMerged(), newMerged()
	for _, d := range documents {
		inputs.add(d.Inputs)
		outputs.add(d.Outputs)
	}
	return Document{Inputs: inputs.list, Outputs: outputs.list}
}

// merged is one list of several documents.
type merged struct {
	list []Artifact
	// at has the positions in list by name, and seen the values of each artifact by their texts.
	at   map[string]int
	seen map[string]map[string]bool
}

func newMerged() *merged { return &merged{at: map[string]int{}, seen: map[string]map[string]bool{}} }

func (m *merged) add(list []Artifact) {
	for _, a := range list {
		i, known := m.at[a.Name]
		if !known {
			i = len(m.list)
			m.at[a.Name], m.seen[a.Name] = i, map[string]bool{}
			m.list = append(m.list, Artifact{Name: a.Name})
		}
		into := &m.list[i]
		into.BuildOutput = into.BuildOutput || a.BuildOutput
		for _, v := range a.Values {
			if text := Text([]Value{v}); !m.seen[a.Name][text] {
				m.seen[a.Name][text] = true
				into.Values = append(into.Values, v)
			}
		}
	}
}

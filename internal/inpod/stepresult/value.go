package stepresult

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/artifacts"
)

// value is a result of one of the three types, or a document of artifacts.
type value struct {
	str      string
	array    []string
	object   map[string]string
	document artifacts.Document
}

// text returns the part of the value that a reference names, which must be a string, or a problem.
func (v value) text(r Reference) (text, problem string) {
	switch r.File.Type {
	case results.TypeArray:
		switch {
		case r.Whole:
			return "", "a whole array can only be used as a separate element"
		case r.Index == NoIndex:
			return "", "it is an array: use one element of it, or all of it with [*]"
		case r.Index >= len(v.array):
			return "", fmt.Sprintf("there is no element %d: the array has %d", r.Index, len(v.array))
		}
		return v.array[r.Index], ""
	case results.TypeObject:
		if r.Key == "" {
			return "", "it is an object: use one of its keys"
		}
		s, ok := v.object[r.Key]
		if !ok {
			return "", fmt.Sprintf("the object has no key %q", r.Key)
		}
		return s, ""
	case results.TypeArtifacts:
		return v.artifact(r.Key)
	}
	if r.Whole || r.Index != NoIndex || r.Key != "" {
		return "", "it is a string and has no parts"
	}
	return v.str, ""
}

// artifact returns the values of an artifact as JSON. The key is the list and the name, such as outputs.image.
func (v value) artifact(key string) (text, problem string) {
	of, name, _ := strings.Cut(key, ".")
	found, ok := v.document.Find(of, name)
	if !ok {
		var names []string
		for _, a := range v.document.List(of) {
			names = append(names, a.Name)
		}
		return "", fmt.Sprintf("it has no artifact %q in %q, only %q", name, of, names)
	}
	return artifacts.Text(found.Values), ""
}

// parse parses a result of a type, or a document of artifacts. Raw must be exactly a JSON array of strings, or a JSON object whose
// values are strings, without duplicate keys. The problem contains nothing of a result.
func parse(typ string, raw []byte) (v value, problem string) {
	switch typ {
	case results.TypeString:
		return value{str: string(raw)}, ""
	case results.TypeArtifacts:
		document, err := artifacts.Parse(raw)
		if err != nil {
			return value{}, fmt.Sprintf("is not a document of artifacts: %v; it must be %s", err, artifacts.Form)
		}
		return value{document: document}, ""
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	var err error
	if typ == results.TypeArray {
		v.array, err = array(d)
	} else {
		v.object, err = object(d)
	}
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return v, ""
		}
	}
	want := "array of strings"
	if typ == results.TypeObject {
		want = "object whose values are strings"
	}
	return value{}, "is not a JSON " + want
}

// errForm is every error of array and object.
var errForm = errors.New("not the required form of JSON")

func array(d *json.Decoder) ([]string, error) {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errForm
	}
	var elements []string
	for d.More() {
		s, err := str(d)
		if err != nil {
			return nil, err
		}
		elements = append(elements, s)
	}
	_, err := d.Token()
	return elements, err
}

func object(d *json.Decoder) (map[string]string, error) {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errForm
	}
	members := map[string]string{}
	for d.More() {
		key, err := str(d)
		if err != nil {
			return nil, err
		}
		if _, twice := members[key]; twice {
			return nil, errForm // readers differ in which of them they use
		}
		if members[key], err = str(d); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return members, err
}

func str(d *json.Decoder) (string, error) {
	t, err := d.Token()
	if s, ok := t.(string); ok && err == nil {
		return s, nil
	}
	return "", errForm
}

package artifacts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Form shows users what a document must be.
const Form = `{"inputs": [ARTIFACT, …], "outputs": [ARTIFACT, …]}, where an ARTIFACT is ` +
	`{"name": TEXT, "values": [{"uri": TEXT, "digest": {ALGORITHM: TEXT, …}}, …], "buildOutput": true or false}`

// Error says where a text is not a document, and why.
type Error struct {
	// Line and Column count from 1; Column counts bytes. They are the place up to which the text could be read.
	Line, Column int
	// Problem is what is wrong there.
	Problem string
}

// Error implements error.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// Parse reads a document. It is stricter than package encoding/json, so that all readers find the same in it: no field occurs
// twice, and a field whose name differs from a known one only in case is an error. Other fields are ignored. A field that is null
// counts as absent. The error is an *Error.
//
// The document needs memory in proportion to its text. Reading stops at the first error.
func Parse(text []byte) (Document, error) {
	p := &parser{d: json.NewDecoder(bytes.NewReader(text))}
	var doc Document
	err := p.object("the document", true, func(field string) error {
		switch field {
		case Inputs:
			return p.artifacts(field, &doc.Inputs)
		case Outputs:
			return p.artifacts(field, &doc.Outputs)
		}
		return p.unknown(field, Inputs, Outputs)
	})
	if err == nil {
		err = p.end()
	}
	if err != nil {
		return Document{}, positioned(text, p.d.InputOffset(), err)
	}
	return doc, nil
}

// positioned returns an *Error for what is wrong at an offset of a text.
func positioned(text []byte, offset int64, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		err = fmt.Errorf("it is not JSON: %w", syntax)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it ends before the document is complete")
	}
	read := text[:min(int(offset), len(text))]
	line := bytes.Count(read, []byte("\n")) + 1
	return &Error{Line: line, Column: len(read) - bytes.LastIndexByte(read, '\n'), Problem: err.Error()}
}

// parser reads a document token by token.
type parser struct{ d *json.Decoder }

// end returns an error if anything follows the document.
func (p *parser) end() error {
	if _, err := p.d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// artifacts reads one list of a document.
func (p *parser) artifacts(of string, into *[]Artifact) error {
	seen := map[string]bool{}
	return p.list(of, func() error {
		var a Artifact
		if err := p.artifact(of, &a); err != nil {
			return err
		}
		switch {
		case a.Name == "":
			return fmt.Errorf("an element of %q has no name", of)
		case seen[a.Name]:
			return fmt.Errorf("the name %q occurs twice in %q", a.Name, of)
		}
		seen[a.Name] = true
		*into = append(*into, a)
		return nil
	})
}

func (p *parser) artifact(of string, a *Artifact) error {
	const name, values, buildOutput = "name", "values", "buildOutput"
	return p.object("an element of "+of, true, func(field string) (err error) {
		switch field {
		case name:
			a.Name, err = p.text(field)
		case values:
			err = p.list(field, func() error { return p.value(a) })
		case buildOutput:
			a.BuildOutput, err = p.truth(field)
		default:
			err = p.unknown(field, name, values, buildOutput)
		}
		return err
	})
}

// value reads one copy of an artifact.
func (p *parser) value(a *Artifact) error {
	const uri, digest = "uri", "digest"
	var v Value
	err := p.object("an element of values", true, func(field string) (err error) {
		switch field {
		case uri:
			v.URI, err = p.text(field)
		case digest:
			err = p.object(field, false, func(algorithm string) (err error) {
				if v.Digest == nil {
					v.Digest = map[string]string{}
				}
				v.Digest[algorithm], err = p.text(algorithm)
				return err
			})
		default:
			err = p.unknown(field, uri, digest)
		}
		return err
	})
	a.Values = append(a.Values, v)
	return err
}

// object reads an object, whose fields read reads. It may be null unless it is required.
func (p *parser) object(what string, required bool, read func(field string) error) error {
	null, err := p.open(what, '{', "an object")
	if null && required {
		return fmt.Errorf("%s is null, and must be an object", what)
	}
	if null || err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.d.More() {
		t, err := p.d.Token()
		if err != nil {
			return err
		}
		field, _ := t.(string) // names of fields are texts
		if seen[field] {
			return fmt.Errorf("the field %q occurs twice", field)
		}
		seen[field] = true
		if err := read(field); err != nil {
			return err
		}
	}
	_, err = p.d.Token()
	return err
}

// list reads a list, whose elements read reads. It may be null.
func (p *parser) list(what string, read func() error) error {
	null, err := p.open(fmt.Sprintf("the field %q", what), '[', "a list")
	if null || err != nil {
		return err
	}
	for p.d.More() {
		if err := read(); err != nil {
			return err
		}
	}
	_, err = p.d.Token()
	return err
}

// open reads the beginning of an object or a list.
func (p *parser) open(what string, delim json.Delim, kind string) (null bool, err error) {
	t, err := p.d.Token()
	switch {
	case err != nil:
		return false, err
	case t == nil:
		return true, nil
	case t != delim:
		return false, fmt.Errorf("%s is not %s", what, kind)
	}
	return false, nil
}

func (p *parser) text(field string) (string, error) {
	t, err := p.d.Token()
	if err != nil || t == nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("the field %q is not a text", field)
	}
	return s, nil
}

func (p *parser) truth(field string) (bool, error) {
	t, err := p.d.Token()
	if err != nil || t == nil {
		return false, err
	}
	b, ok := t.(bool)
	if !ok {
		return false, fmt.Errorf("the field %q is neither true nor false", field)
	}
	return b, nil
}

// unknown skips the value of a field that is not known, unless its name is that of a known one in another case.
func (p *parser) unknown(field string, known ...string) error {
	if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, field) }); i >= 0 {
		return fmt.Errorf("the field %q must be %q", field, known[i])
	}
	var skipped json.RawMessage
	return p.d.Decode(&skipped)
}

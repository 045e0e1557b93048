package frame

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxFields is the maximum number of fields in the object of a record. Each is compared with all others.
const maxFields = 64

// fields are the known field names in the object of a kind of record.
type fields struct{ required, optional []string }

// unmarshal parses the JSON object of a record. Package encoding/json is less strict than a specification that other readers
// follow can be: it accepts null for any type, ignores the case of field names, uses the last of several fields, and replaces
// invalid UTF-8. Unknown fields are ignored.
func unmarshal(ln line, to any, known fields) error {
	if !utf8.Valid(ln.payload) {
		return malformed(ln, errors.New("it is not UTF-8"))
	}
	if err := json.Unmarshal(ln.payload, to); err != nil {
		return malformed(ln, err)
	}
	if err := known.check(ln.payload); err != nil {
		return malformed(ln, err)
	}
	return nil
}

// check checks the names in a payload, which is valid JSON.
func (f fields) check(payload []byte) error {
	left, ok := bytes.CutPrefix(bytes.TrimLeft(payload, jsonSpace), []byte{'{'})
	if !ok {
		return errors.New("it is not a JSON object")
	}
	var room [8][]byte // enough for the fields of any record of this version
	seen := room[:0]
	for left = bytes.TrimLeft(left, jsonSpace); left[0] != '}'; left = bytes.TrimLeft(left, jsonSpace+",") {
		var name []byte
		name, left = fieldName(left)
		if len(seen) == maxFields {
			return fmt.Errorf("it has more than %d fields", maxFields)
		}
		if err := f.checkOne(name, left[0] == 'n', seen); err != nil {
			return err
		}
		seen = append(seen, name)
		left = skipValue(left)
	}
	for _, name := range f.required {
		if !slices.ContainsFunc(seen, func(other []byte) bool { return string(other) == name }) {
			return fmt.Errorf("it has no field %q", name)
		}
	}
	return nil
}

// checkOne checks one field, which may be null, against the previous ones.
func (f fields) checkOne(name []byte, null bool, seen [][]byte) error {
	if slices.ContainsFunc(seen, func(other []byte) bool { return bytes.EqualFold(name, other) }) {
		return fmt.Errorf("the field %q occurs twice", name)
	}
	for _, list := range [...][]string{f.required, f.optional} {
		for _, known := range list {
			switch {
			case string(name) == known && null:
				return fmt.Errorf("the field %q is null", name)
			case string(name) != known && strings.EqualFold(string(name), known):
				return fmt.Errorf("the field %q must be %q", name, known)
			}
		}
	}
	return nil
}

// jsonSpace is the white space that JSON permits.
const jsonSpace = " \t\r\n"

// fieldName returns the name of the field at the start of left, and the text after its colon.
func fieldName(left []byte) (name, rest []byte) {
	end := stringEnd(left)
	if name = left[1 : end-1]; bytes.IndexByte(name, '\\') >= 0 {
		var unescaped string
		_ = json.Unmarshal(left[:end], &unescaped) // it was checked before, as a part of the whole
		name = []byte(unescaped)
	}
	return name, bytes.TrimLeft(left[end:], jsonSpace+":")
}

// skipValue returns the text after the value at the start of left.
func skipValue(left []byte) []byte {
	depth := 0
	for i := 0; i < len(left); i++ {
		switch left[i] {
		case '"':
			i += stringEnd(left[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return left[i:]
			}
			if left[i] != ',' {
				depth--
			}
		}
	}
	return nil
}

// stringEnd returns the end of the string at the start of s.
func stringEnd(s []byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// layouts are the fields of each kind of record.
type layouts struct{ step, result, artifacts, problem, end fields }

func newLayouts() layouts {
	return layouts{
		step:      fields{[]string{"name", "exitCode", "reason"}, []string{"startedAt", "finishedAt", "message"}},
		result:    fields{required: []string{"name", "type", "size", "encoding", "frames", "sha256"}},
		artifacts: fields{required: []string{"name", "size", "encoding", "frames", "sha256"}},
		problem:   fields{[]string{"result", "kind"}, []string{"size", "limit", "detail"}},
		end:       fields{[]string{"steps", "results", "problems", "bytes", "sha256"}, []string{"artifacts", "interrupted"}},
	}
}

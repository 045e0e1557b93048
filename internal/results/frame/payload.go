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

// maxFields is how many fields the object of a record has at most. Each is compared with all others.
const maxFields = 64

// fields are the names that the object of a kind of record has a meaning for.
type fields struct{ required, optional []string }

// unmarshal reads the JSON object of a record. The package json is more lenient than a specification may be that other
// readers follow, too: it takes null for anything, names of fields in any case of letters, the last one of several, and
// mends what is not UTF-8. Fields that are not known are ignored.
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

// check looks at the names of a payload, which is valid JSON.
func (f fields) check(payload []byte) error {
	left, ok := bytes.CutPrefix(bytes.TrimLeft(payload, jsonSpace), []byte{'{'})
	if !ok {
		return errors.New("it is no JSON object")
	}
	seen := make([]string, 0, 8)
	for left = bytes.TrimLeft(left, jsonSpace); left[0] != '}'; left = bytes.TrimLeft(left, jsonSpace+",") {
		var name string
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
		if !slices.Contains(seen, name) {
			return fmt.Errorf("it has no field %q", name)
		}
	}
	return nil
}

// checkOne looks at one field, which may be null, after those that were seen.
func (f fields) checkOne(name string, null bool, seen []string) error {
	alike := func(other string) bool { return strings.EqualFold(name, other) }
	if slices.ContainsFunc(seen, alike) {
		return fmt.Errorf("the field %q comes twice", name)
	}
	for _, list := range [][]string{f.required, f.optional} {
		i := slices.IndexFunc(list, alike)
		switch {
		case i < 0:
		case list[i] != name:
			return fmt.Errorf("the field %q must be %q", name, list[i])
		case null:
			return fmt.Errorf("the field %q is null", name)
		}
	}
	return nil
}

// jsonSpace is what may stand between the parts of JSON.
const jsonSpace = " \t\r\n"

// fieldName returns the name of the field that left begins with, and what follows its colon.
func fieldName(left []byte) (name string, rest []byte) {
	end := stringEnd(left)
	if quoted := left[:end]; bytes.IndexByte(quoted, '\\') < 0 {
		name = string(quoted[1 : end-1])
	} else {
		_ = json.Unmarshal(quoted, &name) // it was checked before, as a part of the whole
	}
	return name, bytes.TrimLeft(left[end:], jsonSpace+":")
}

// skipValue returns what follows the value that left begins with.
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

// stringEnd returns where the string ends that s begins with.
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

// The fields of each kind of record.

func stepFields() fields {
	return fields{[]string{"name", "exitCode", "reason"}, []string{"startedAt", "finishedAt", "message"}}
}

func resultFields() fields {
	return fields{required: []string{"name", "type", "size", "encoding", "frames", "sha256"}}
}

func problemFields() fields {
	return fields{[]string{"result", "kind"}, []string{"size", "limit", "detail"}}
}

func endFields() fields {
	return fields{[]string{"steps", "results", "problems", "bytes", "sha256"}, []string{"interrupted"}}
}

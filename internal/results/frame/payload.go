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
	var room [8][]byte // for as many fields as a record of ours has
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

// checkOne looks at one field, which may be null, after those that were seen.
func (f fields) checkOne(name []byte, null bool, seen [][]byte) error {
	if slices.ContainsFunc(seen, func(other []byte) bool { return bytes.EqualFold(name, other) }) {
		return fmt.Errorf("the field %q comes twice", name)
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

// jsonSpace is what may stand between the parts of JSON.
const jsonSpace = " \t\r\n"

// fieldName returns the name of the field that left begins with, and what follows its colon.
func fieldName(left []byte) (name, rest []byte) {
	end := stringEnd(left)
	if name = left[1 : end-1]; bytes.IndexByte(name, '\\') >= 0 {
		var unescaped string
		_ = json.Unmarshal(left[:end], &unescaped) // it was checked before, as a part of the whole
		name = []byte(unescaped)
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

// layouts are the fields of each kind of record.
type layouts struct{ step, result, problem, end fields }

func newLayouts() layouts {
	return layouts{
		step:    fields{[]string{"name", "exitCode", "reason"}, []string{"startedAt", "finishedAt", "message"}},
		result:  fields{required: []string{"name", "type", "size", "encoding", "frames", "sha256"}},
		problem: fields{[]string{"result", "kind"}, []string{"size", "limit", "detail"}},
		end:     fields{[]string{"steps", "results", "problems", "bytes", "sha256"}, []string{"interrupted"}},
	}
}

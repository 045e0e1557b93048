// Package scan finds its way through JSON that is known to be valid, without building values: json.Valid has checked it, or
// json.Marshal has written it. Its functions allocate no memory.
package scan

import (
	"bytes"
	"encoding/json"
)

// Blanks skips white space.
func Blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// Next returns the index of the next member of an object, or of the next element of a list. The search begins at i: after the bracket
// that opens the value, or after a member or an element. At the end of the value, more is false, and at is the index after it.
func Next(b []byte, i int) (at int, more bool) {
	i = Blanks(b, i)
	if i < len(b) && b[i] == ',' {
		i = Blanks(b, i+1)
	}
	switch {
	case i >= len(b):
		return len(b), false
	case b[i] == '}' || b[i] == ']':
		return i + 1, false
	}
	return i, true
}

// Text returns the index after the string that begins at i.
func Text(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// Skip returns the index after the value that begins at i, and the number of elements and members in it at any depth.
func Skip(b []byte, i int) (end, elements int) {
	for depth := 0; i < len(b); {
		switch c := b[i]; c {
		case '"':
			i = Text(b, i)
		case '{', '[':
			depth++
			elements++
			i++
		case '}', ']':
			depth--
			i++
		case ',':
			elements++
			i++
			continue
		case ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default:
			i = Literal(b, i)
		}
		if depth == 0 {
			return i, elements
		}
	}
	return i, elements
}

// Literal returns the index after a number, true, false or null.
func Literal(b []byte, i int) int {
	n := bytes.IndexAny(b[i:], ",]} \t\n\r")
	if n < 0 {
		return len(b)
	}
	return i + n
}

// Key returns the name of the member that begins at i, and the index of its value.
func Key(b []byte, i int) (name []byte, value int) {
	end := Text(b, i)
	name = b[i+1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var decoded string
		if json.Unmarshal(b[i:end], &decoded) == nil {
			name = []byte(decoded)
		}
	}
	return name, Blanks(b, Blanks(b, end)+len(":"))
}

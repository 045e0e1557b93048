package admission

import (
	"bytes"
	"encoding/json"
)

// The functions of this file scan JSON that is known to be valid: json.Valid has checked it, or json.Marshal has written it.
// They allocate no memory.

// blanks skips white space.
func blanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// text returns the index after the string that begins at i.
func text(b []byte, i int) int {
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

// skip returns the index after the value that begins at i, and the number of elements and members in it at any depth.
func skip(b []byte, i int) (end, elements int) {
	for depth := 0; i < len(b); {
		switch c := b[i]; c {
		case '"':
			i = text(b, i)
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
			i = literal(b, i)
		}
		if depth == 0 {
			return i, elements
		}
	}
	return i, elements
}

// literal returns the index after a number, true, false or null.
func literal(b []byte, i int) int {
	n := bytes.IndexAny(b[i:], ",]} \t\n\r")
	if n < 0 {
		return len(b)
	}
	return i + n
}

// key returns the name of the member that begins at i, and the index of its value.
func key(b []byte, i int) (name []byte, value int) {
	end := text(b, i)
	name = b[i+1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		var decoded string
		if json.Unmarshal(b[i:end], &decoded) == nil {
			name = []byte(decoded)
		}
	}
	return name, blanks(b, blanks(b, end)+len(":"))
}

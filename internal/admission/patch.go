package admission

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	jsonpatch "gomodules.xyz/jsonpatch/v2"

	"github.com/sluice-ci/sluice/internal/admission/scan"
)

// errTaken: an object of the second encoding lacks a member of the first one, or an array has another length.
var errTaken = errors.New("a member or an element was removed")

// The API server applies an operation of a JSON patch in a time that depends on its path. Replacing a value of a megabyte costs it less
// than 15,000 operations inside.
const (
	// maxInside is how many bytes of operations may change parts of a value in a new object. If the operations take more, and more than
	// the value, it is replaced.
	maxInside = 64 << 10
	// overhead is how many bytes an operation takes besides its path and its value.
	overhead = len(`{"op":"replace","path":"","value":},`)
)

// additions returns the operations of a JSON patch (RFC 6902) from one encoding of an object to another of the same type, which
// has more members or other values. An object in it that has lost a member, and an array of another length, is replaced, and
// so is a value inside of which the operations take more than most bytes, and more than the value. It reads both side by side and
// builds no tree.
func additions(before, after []byte, most int) ([]jsonpatch.Operation, error) {
	d := differ{a: before, b: after, most: most}
	if _, _, err := d.value(0, 0); err != nil {
		return nil, err
	}
	return d.operations, nil
}

type differ struct {
	a, b       []byte
	path       []byte // a JSON pointer (RFC 6901) to the current value
	operations []jsonpatch.Operation
	size, most int // bytes of the operations, and how many may stand inside of a value
}

// value compares the values at i and j and returns the indices after them.
func (d *differ) value(i, j int) (afterA, afterB int, err error) {
	switch {
	case i >= len(d.a) || j >= len(d.b):
		return i, j, errTaken
	case d.a[i] == '{' && d.b[j] == '{':
		return d.inner(i, j, d.object)
	case d.a[i] == '[' && d.b[j] == '[':
		return d.inner(i, j, d.array)
	}
	return d.replaced(i, j)
}

// inner compares objects or arrays, and replaces the one at i if it cannot be changed into the other by additions.
func (d *differ) inner(i, j int, compare func(i, j int) (int, int, error)) (afterA, afterB int, err error) {
	depth, count, size := len(d.path), len(d.operations), d.size
	afterA, afterB, err = compare(i+1, j+1)
	many := d.size-size > max(d.most, afterB-j)
	if depth == 0 || !errors.Is(err, errTaken) && (err != nil || !many) {
		return afterA, afterB, err
	}
	d.path, d.operations, d.size = d.path[:depth], d.operations[:count], size
	return d.replaced(i, j)
}

// replaced compares the values at i and j as texts.
func (d *differ) replaced(i, j int) (afterA, afterB int, err error) {
	afterA, _ = scan.Skip(d.a, i)
	afterB, _ = scan.Skip(d.b, j)
	if !bytes.Equal(d.a[i:afterA], d.b[j:afterB]) {
		d.note("replace", d.b[j:afterB])
	}
	return afterA, afterB, nil
}

func (d *differ) object(i, j int) (afterA, afterB int, err error) {
	for {
		i, j = comma(d.a, i), comma(d.b, j)
		switch {
		case i >= len(d.a) || j >= len(d.b):
			return i, j, errTaken
		case d.b[j] == '}' && d.a[i] == '}':
			return i + 1, j + 1, nil
		case d.b[j] == '}':
			return i, j, errTaken
		}
		name, valueB := scan.Key(d.b, j)
		var own []byte
		valueA := i
		if d.a[i] != '}' {
			own, valueA = scan.Key(d.a, i)
		}
		depth := len(d.path)
		d.path = append(d.path, '/')
		d.path = append(d.path, escaped(string(name))...)
		same := d.a[i] != '}' && bytes.Equal(own, name)
		if same && !d.fills(valueA, valueB) {
			if i, j, err = d.value(valueA, valueB); err != nil {
				return i, j, err
			}
		} else {
			if same {
				i, _ = scan.Skip(d.a, valueA)
			}
			j, _ = scan.Skip(d.b, valueB)
			d.note("add", d.b[valueB:j])
		}
		d.path = d.path[:depth]
	}
}

func (d *differ) array(i, j int) (afterA, afterB int, err error) {
	depth := len(d.path)
	for n := 0; ; n++ {
		i, j = comma(d.a, i), comma(d.b, j)
		switch {
		case i >= len(d.a) || j >= len(d.b) || (d.a[i] == ']') != (d.b[j] == ']'):
			return i, j, errTaken
		case d.a[i] == ']':
			return i + 1, j + 1, nil
		}
		d.path = strconv.AppendInt(append(d.path, '/'), int64(n), 10)
		if i, j, err = d.value(i, j); err != nil {
			return i, j, err
		}
		d.path = d.path[:depth]
	}
}

// fills reports whether an empty object gets its first member. The document may lack the object, since the encoder writes structs
// that are empty.
func (d *differ) fills(i, j int) bool {
	empty := []byte("{}")
	return bytes.HasPrefix(d.a[i:], empty) && !bytes.HasPrefix(d.b[j:], empty)
}

// escaped returns a name for a JSON pointer.
func escaped(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

func comma(b []byte, i int) int {
	if i < len(b) && b[i] == ',' {
		return i + 1
	}
	return i
}

func (d *differ) note(operation string, value []byte) {
	d.size += overhead + len(d.path) + len(value)
	d.operations = append(d.operations, jsonpatch.NewOperation(operation, string(d.path), json.RawMessage(value)))
}

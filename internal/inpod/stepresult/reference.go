// Package stepresult replaces tokens in a step's texts by results of earlier steps.
//
// It replaces only tokens, and does not expand the inserted values again: a value that looks like a variable, or like a
// token, stays unchanged.
package stepresult

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/results"
)

// NoIndex is the Index of a reference that is not to one element of an array.
const NoIndex = -1

// Reference is a result of an earlier step, or a part of it, and its token. In the arguments of a container it is the text
// "TOKEN NAME:TYPE=PATH", followed by " [*]", " [INDEX]" or " .KEY" for a part.
type Reference struct {
	// Token stands for the value in texts: not empty, without blanks.
	Token string
	// File is the result, with the name that users know.
	File results.File
	// Whole means the whole array or object.
	Whole bool
	// Index is the index of an element of an array, from 0, or NoIndex.
	Index int
	// Key is the key of an object; of a document of artifacts, the list and the name, such as outputs.image; or empty.
	Key string
}

const (
	partWhole = "[*]"
	partKey   = "."
)

// String returns the text that Parse parses.
func (r Reference) String() string {
	text := r.Token + " " + r.File.String()
	switch {
	case r.Whole:
		return text + " " + partWhole
	case r.Index != NoIndex:
		return text + " [" + strconv.Itoa(r.Index) + "]"
	case r.Key != "":
		return text + " " + partKey + r.Key
	}
	return text
}

// Parse parses a text of String.
func Parse(text string) (Reference, error) {
	token, rest, ok := strings.Cut(text, " ")
	if !ok || token == "" {
		return Reference{}, fmt.Errorf("cannot parse reference %q: it must be TOKEN NAME:TYPE=PATH [PART]", text)
	}
	declared, part, parted := strings.Cut(rest, " ")
	file, err := results.ParseFile(declared)
	if err != nil {
		return Reference{}, fmt.Errorf("cannot parse reference %q: %w", text, err)
	}
	r, ok := Reference{Token: token, File: file, Index: NoIndex}.withPart(part)
	if parted && !ok {
		return Reference{}, fmt.Errorf("cannot parse reference %q: the part %q must be %s, [INDEX] or .KEY", text, part, partWhole)
	}
	return r, nil
}

// withPart returns the reference with a part, as it follows the file in the text, and whether the part is valid.
func (r Reference) withPart(part string) (Reference, bool) {
	if part == partWhole {
		r.Whole = true
		return r, true
	}
	if key, ok := strings.CutPrefix(part, partKey); ok {
		r.Key = key
		return r, key != ""
	}
	digits, opened := strings.CutPrefix(part, "[")
	digits, closed := strings.CutSuffix(digits, "]")
	index, err := strconv.ParseUint(digits, 10, 31)
	if !opened || !closed || err != nil {
		return r, false
	}
	r.Index = int(index)
	return r, true
}

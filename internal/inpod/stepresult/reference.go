// Package stepresult puts results of earlier steps in the place of the tokens that stand for them in a step's texts.
//
// Only tokens are ever replaced, and what is put in is not looked at again: a value that looks like a variable, or like a
// token, arrives as it is.
package stepresult

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/results"
)

// NoIndex is the Index of a reference to something else than one element of an array.
const NoIndex = -1

// Reference is a result of an earlier step, or a part of it, and the token that stands for it. Its text,
// "TOKEN NAME:TYPE=PATH" followed by " [*]", " [INDEX]" or " .KEY" for a part, is how it travels in the arguments of a
// container.
type Reference struct {
	// Token is what texts have in the place of the value: not empty, without blanks.
	Token string
	// File is the result, under the name that people know it by.
	File results.File
	// Whole means all of an array or an object.
	Whole bool
	// Index is the element of an array, from 0, or NoIndex.
	Index int
	// Key is the key of an object, or empty.
	Key string
}

const (
	partWhole = "[*]"
	partKey   = "."
)

// String returns the text that Parse takes.
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

// Parse returns the reference that a text of String stands for.
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
		return Reference{}, fmt.Errorf("cannot parse reference %q: the part %q is none of %s, [INDEX] and .KEY", text, part, partWhole)
	}
	return r, nil
}

// withPart returns the reference to a part, as it follows the file, and whether that makes sense.
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

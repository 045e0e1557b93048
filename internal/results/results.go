// Package results holds what every part of the way of a result agrees on: names, types and limits.
package results

import (
	"errors"
	"fmt"
)

// DefaultMaxSize is the size of one result's value, in bytes, that is admitted when nothing else is configured.
// It is the default of the flag max-result-size.
const DefaultMaxSize = 4096

// ObjectLimit is the size in bytes that one API object may have: 1.5 MiB, etcd's default for the largest request.
// No result, and no sum of results, can be carried beyond it.
const ObjectLimit = 1572864

// MaxNameLength is the number of bytes that a result's name may have: a name is also the name of a file, and
// Linux file systems take 255 bytes.
const MaxNameLength = 255

// The types of a result, as the API spells them.
const (
	TypeString = "string"
	TypeArray  = "array"
	TypeObject = "object"
)

// Declared is a result as a task declares it: what it is called, and what its value is.
type Declared struct {
	// Name is valid by ValidName.
	Name string
	// Type is one of TypeString, TypeArray and TypeObject.
	Type string
}

// ErrName is what every error of ValidName wraps.
var ErrName = errors.New("invalid result name")

// ValidName returns nil when name can be the name of a result: letters, digits, '-', '_' and '.', beginning and
// ending with a letter or a digit, at most MaxNameLength bytes. Such a name is safe as the name of a file: it has no
// separator, and is neither "." nor "..". The error wraps ErrName.
func ValidName(name string) error {
	if name == "" {
		return fmt.Errorf("%w: it is empty", ErrName)
	}
	if len(name) > MaxNameLength {
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrName, len(name), MaxNameLength)
	}
	if !alphanumeric(name[0]) || !alphanumeric(name[len(name)-1]) {
		return fmt.Errorf("%w %q: it must begin and end with a letter or a digit", ErrName, name)
	}
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return fmt.Errorf("%w %q: %q is not allowed, only letters, digits, '-', '_' and '.'", ErrName, name, c)
		}
	}
	return nil
}

// ValidType returns nil when t is one of the types that a result can have.
func ValidType(t string) error {
	switch t {
	case TypeString, TypeArray, TypeObject:
		return nil
	}
	return fmt.Errorf("invalid result type %q: it must be %s, %s or %s", t, TypeString, TypeArray, TypeObject)
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

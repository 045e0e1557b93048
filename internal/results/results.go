// Package results has the names, types and limits of results that all components share.
package results

import (
	"errors"
	"fmt"
)

// DefaultMaxSize is the default of the flag max-result-size: the maximum length of one result's value in bytes.
const DefaultMaxSize = 4096

// ObjectLimit is the maximum size of one API object in bytes: 1.5 MiB, etcd's default for the largest request. No result, and
// no sum of results, can exceed it.
const ObjectLimit = 1572864

// MaxNameLength is the maximum length of a result's name in bytes. A name is also a file name, and Linux file systems permit
// 255 bytes.
const MaxNameLength = 255

// The types of a result, as the API spells them.
const (
	TypeString = "string"
	TypeArray  = "array"
	TypeObject = "object"
)

// TypeArtifacts is the type of a document of artifacts: the JSON in which a step says what it read and what it made. It leaves
// the pod in the same way as a result, and has the same limits, but no task declares it.
const TypeArtifacts = "artifacts"

// Declared is a result as a task declares it, with its name and type.
type Declared struct {
	// Name is valid by ValidName.
	Name string
	// Type is one of TypeString, TypeArray and TypeObject, or TypeArtifacts for a document of artifacts.
	Type string
}

// ErrName is in every error of ValidName.
var ErrName = errors.New("invalid result name")

// ValidName returns nil if name is valid for a result: letters, digits, '-', '_' and '.', with a letter or a digit at the
// start and the end, at most MaxNameLength bytes. Such a name is safe as a file name: it has no separator, and is neither "."
// nor "..". The error wraps ErrName.
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

// ValidType returns nil if t is one of the types of results.
func ValidType(t string) error {
	switch t {
	case TypeString, TypeArray, TypeObject:
		return nil
	}
	return fmt.Errorf("invalid result type %q: it must be %s, %s or %s", t, TypeString, TypeArray, TypeObject)
}

// ValidFileType returns nil if t is the type of a file that leaves the pod: one of the types of results, or TypeArtifacts.
func ValidFileType(t string) error {
	if t == TypeArtifacts {
		return nil
	}
	return ValidType(t)
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

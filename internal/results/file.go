package results

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// File is a declared result, or a document of artifacts, and the file with its value. In the arguments of a container it is the
// text NAME:TYPE=PATH.
type File struct {
	Declared
	// Path is absolute and clean.
	Path string
}

// String returns NAME:TYPE=PATH, which ParseFile parses.
func (f File) String() string { return f.Name + ":" + f.Type + "=" + f.Path }

// ParseFile parses NAME:TYPE=PATH, with a valid name and type and an absolute path.
func ParseFile(s string) (File, error) {
	declared, file, ok := strings.Cut(s, "=")
	name, typ, okType := strings.Cut(declared, ":")
	if !ok || !okType {
		return File{}, fmt.Errorf("cannot parse result file %q: it must be NAME:TYPE=PATH", s)
	}
	f := File{Declared: Declared{Name: name, Type: typ}, Path: file}
	err := errors.Join(ValidName(name), ValidFileType(typ))
	if !path.IsAbs(file) || path.Clean(file) != file {
		err = errors.Join(err, fmt.Errorf("path %q is not absolute and clean", file))
	}
	if err != nil {
		return File{}, fmt.Errorf("cannot parse result file %q: %w", s, err)
	}
	return f, nil
}

//go:build linux

// This file reads results, as only code in pods does. All else of this package compiles for every platform of the command line.

package stepresult

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/inpod/sidecar"
	"github.com/sluice-ci/sluice/internal/results"
)

// Expander replaces tokens by values. It reads a result when the first text needs it, and only once.
type Expander struct {
	references []Reference
	limit      int64
	// values are the results that have been read, by the paths of their files.
	values map[string]value
}

// NewExpander returns an Expander for the tokens of references, whose results have at most limit bytes each.
func NewExpander(references []Reference, limit int64) *Expander {
	// The longest token comes first, so that a token that is a prefix of another one is not found instead of it.
	sorted := slices.Clone(references)
	slices.SortStableFunc(sorted, func(a, b Reference) int { return len(b.Token) - len(a.Token) })
	return &Expander{references: sorted, limit: limit, values: map[string]value{}}
}

// Text returns a text with its tokens replaced by values, which must be strings. The error names the step's result that is
// unavailable, or has another type.
func (e *Expander) Text(text string) (string, error) {
	var out strings.Builder
	for {
		at, r := e.next(text)
		if r == nil {
			if out.Len() == 0 {
				return text, nil
			}
			out.WriteString(text)
			return out.String(), nil
		}
		v, err := e.read(*r)
		if err != nil {
			return "", err
		}
		s, problem := v.text(*r)
		if problem != "" {
			return "", fmt.Errorf("cannot use %s: %s", noun(r.File), problem)
		}
		out.WriteString(text[:at])
		out.WriteString(s)
		text = text[at+len(r.Token):]
	}
}

// next returns the first token of a text and its position, or nil.
func (e *Expander) next(text string) (at int, first *Reference) {
	for i := range e.references {
		if n := strings.Index(text, e.references[i].Token); n >= 0 && (first == nil || n < at) {
			at, first = n, &e.references[i]
		}
	}
	return at, first
}

// List expands each element of a list as Text does. An element that is only the token of a whole array becomes the elements
// of that array.
func (e *Expander) List(list []string) ([]string, error) {
	var expanded []string
	for _, text := range list {
		elements, whole, err := e.array(text)
		if err != nil {
			return nil, err
		}
		if whole {
			expanded = append(expanded, elements...)
			continue
		}
		s, err := e.Text(text)
		if err != nil {
			return nil, err
		}
		expanded = append(expanded, s)
	}
	return expanded, nil
}

// array returns the elements of an array if the text is only its token.
func (e *Expander) array(text string) (elements []string, whole bool, err error) {
	i := slices.IndexFunc(e.references, func(r Reference) bool { return r.Token == text && r.Whole })
	if i < 0 {
		return nil, false, nil
	}
	r := e.references[i]
	v, err := e.read(r)
	if err != nil {
		return nil, false, err
	}
	if r.File.Type != results.TypeArray {
		return nil, false, nil // Text reports the error
	}
	return v.array, true, nil
}

// noun returns what a file is, for messages.
func noun(f results.File) string {
	if f.Type == results.TypeArtifacts {
		return fmt.Sprintf("the artifacts in %q", f.Path)
	}
	return fmt.Sprintf("result %q", f.Name)
}

// read returns the result of a reference.
func (e *Expander) read(r Reference) (value, error) {
	if v, ok := e.values[r.File.Path]; ok {
		return v, nil
	}
	// The step creates the folder of its results, and may have removed it; the folder above it always exists.
	raw, err := sidecar.Read(filepath.Dir(filepath.Dir(r.File.Path)), r.File, e.limit, &securefile.Buffer{})
	if errors.Is(err, sidecar.ErrAbsent) {
		return value{}, fmt.Errorf("cannot use %s: the step did not write it", noun(r.File))
	}
	if err != nil {
		return value{}, fmt.Errorf("cannot use result of a step: %w", err)
	}
	v, problem := parse(r.File.Type, raw)
	if problem != "" {
		return value{}, fmt.Errorf("cannot use %s: it %s", noun(r.File), problem)
	}
	e.values[r.File.Path] = v
	return v, nil
}

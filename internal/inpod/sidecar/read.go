package sidecar

import (
	"errors"
	"io/fs"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// ErrAbsent means that a declared result was not written, which is allowed.
var ErrAbsent = errors.New("the result was not written")

// ProblemError means that a result exists but cannot be transported.
type ProblemError struct{ frame.Problem }

// Error implements error.
func (e *ProblemError) Error() string {
	return "result " + e.Result + " cannot be transported: " + string(e.Kind) + ": " + e.Detail
}

// Read returns the value of a result whose file is beneath root: valid UTF-8 of at most limit bytes, in buf. The error is
// ErrAbsent, or a *ProblemError for the file.
func Read(root string, r results.File, limit int64, buf *securefile.Buffer) ([]byte, error) {
	dir, err := securefile.OpenRoot(root)
	if err != nil {
		return nil, problem(r.Name, frame.Unreadable, 0, 0, err)
	}
	defer dir.Close() //nolint:errcheck // it was only read
	value, err := dir.Read(r.Path, limit, buf)
	var large *securefile.TooLargeError
	switch {
	case err == nil && utf8.Valid(value):
		return value, nil
	case err == nil:
		return nil, problem(r.Name, frame.NotUTF8, int64(len(value)), 0, errors.New("the value is not valid UTF-8"))
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrAbsent
	case errors.As(err, &large):
		return nil, problem(r.Name, frame.TooLarge, large.Size, limit, errors.New("the value is larger than one result may be"))
	case errors.Is(err, securefile.ErrNotRegular):
		return nil, problem(r.Name, frame.NotRegular, 0, 0, err)
	case errors.Is(err, securefile.ErrChanged):
		return nil, problem(r.Name, frame.Changed, 0, 0, err)
	}
	return nil, problem(r.Name, frame.Unreadable, 0, 0, err)
}

func problem(name string, kind frame.ProblemKind, size, limit int64, err error) *ProblemError {
	return &ProblemError{frame.Problem{Result: name, Kind: kind, Size: size, Limit: limit, Detail: err.Error()}}
}

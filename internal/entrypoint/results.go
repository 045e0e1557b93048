package entrypoint

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/emit"
	"github.com/sluice-ci/sluice/internal/results/emit/regular"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// leftovers are what a step did to the results.
type leftovers struct {
	results  []frame.Result
	removed  []string
	problems []frame.Problem
	// there are the names of all results that were there in the end, whoever wrote them.
	there []string
	// before is what was there when the command was about to start.
	before []found
}

// found is what was at a result's path at one time.
type found struct {
	there   bool
	digest  [sha256.Size]byte
	problem frame.Problem
}

// survey looks at all results before the command runs, so that a step's message, or its signature, has only what this
// step did. It goes
// by content: a time stamp can be the same after a write. Before the first step there is nothing that another step has
// told of, so whatever is there in the end is the first step's to tell.
func (o Options) survey() []found {
	if !o.ReportResults && o.Signing.Socket == "" {
		return nil
	}
	before := make([]found, len(o.Results))
	if o.After == "" {
		return before
	}
	var buf regular.Buffer
	for i, r := range o.Results {
		before[i], _ = o.look(r, &buf)
	}
	return before
}

// look returns what is at a result's path, and its value, in buf.
func (o Options) look(r results.File, buf *regular.Buffer) (found, []byte) {
	value, err := emit.Read(filepath.Dir(r.Path), r, o.MaxResultSize, buf)
	var p *emit.ProblemError
	switch {
	case errors.As(err, &p):
		return found{problem: p.Problem}, nil
	case err != nil:
		return found{}, nil // emit.ErrAbsent
	}
	return found{there: true, digest: sha256.Sum256(value)}, value
}

// leftSince returns what the step did to the results since the survey.
func (o Options) leftSince(before []found) leftovers {
	var left leftovers
	if !o.ReportResults {
		return left
	}
	total := int64(0)
	for i := range before {
		r := o.Results[i]
		after, value := o.look(r, &regular.Buffer{})
		// What cannot be read is told again and again: nobody knows whether it is the same.
		if after == before[i] && after.problem.Kind != frame.Unreadable {
			continue
		}
		total += int64(len(value))
		switch {
		case after.problem.Kind != "":
			left.problems = append(left.problems, after.problem)
		case !after.there:
			left.removed = append(left.removed, r.Name)
		case total > results.ObjectLimit:
			// No object holds that much: the values are not kept, which bounds the memory that this takes.
			left.problems = append(left.problems, frame.Problem{
				Result: r.Name, Kind: frame.TotalTooLarge, Size: total, Limit: results.ObjectLimit,
			})
		default:
			left.results = append(left.results, frame.Result{Name: r.Name, Type: r.Type, Value: value})
		}
	}
	return left
}

// publish makes the results readable for the sidecar, which is another user, whatever umask the step had, and returns
// the names of those that are there. What cannot be made readable is left as it is: the sidecar names it, and says why
// it cannot be read.
func (o Options) publish() (there []string) {
	for _, r := range o.Results {
		info, err := os.Lstat(r.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		// Also what cannot be looked at: that is not the same as nothing.
		there = append(there, r.Name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		regular.Allow(r.Path, 0o444)
		for dir := filepath.Dir(r.Path); regular.Allow(dir, 0o555); {
			dir = filepath.Dir(dir)
		}
	}
	return there
}

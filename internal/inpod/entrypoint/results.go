package entrypoint

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/securefile"
	"github.com/sluice-ci/sluice/internal/inpod/sidecar"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// leftovers are the changes of a step to the results.
type leftovers struct {
	results  []frame.Result
	removed  []string
	problems []frame.Problem
	// there has the names of all results that existed at the end, whichever step wrote them.
	there []string
	// before and after are the results at the end of the previous step and of this one, in the order of Options.Results; nil
	// if they are not needed.
	before, after []found
}

// found is the state of a result's path at one time.
type found struct {
	there   bool
	digest  [sha256.Size]byte
	problem frame.Problem
}

// surveyed is the encoding of found for the entrypoint of the next step.
type surveyed struct {
	Name    string         `json:"name"`
	SHA256  []byte         `json:"sha256,omitempty"`
	Problem *frame.Problem `json:"problem,omitempty"`
}

// surveys reports whether results are compared with their state before the step.
func (o Options) surveys() bool { return o.ReportResults || o.Signing.Socket != "" }

// survey returns the state of the results at the end of the previous step, as its entrypoint recorded it. A step's message,
// or its signature, thus contains only the changes of this step. It does not read the results again: neither step would
// report a change in between. States are compared by content, because a time stamp can be the same after a write. There is no
// survey before the first step, so every result that exists at its end counts as written by it.
func (o Options) survey() ([]found, error) {
	if !o.surveys() {
		return nil, nil
	}
	before := make([]found, len(o.Results))
	if o.After == "" {
		return before, nil
	}
	text, err := rundir.ReadSurvey(o.After)
	if err != nil {
		return nil, err
	}
	var list []surveyed
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("cannot read the survey of the results: %w", err)
	}
	known := make(map[string]found, len(list))
	for _, s := range list {
		f := found{there: len(s.SHA256) == sha256.Size}
		copy(f.digest[:], s.SHA256)
		if s.Problem != nil {
			f = found{problem: *s.Problem}
		}
		known[s.Name] = f
	}
	for i, r := range o.Results {
		before[i] = known[r.Name]
	}
	return before, nil
}

// postSurvey records the state of the results for the entrypoint of the next step, also if there are none.
func (o Options) postSurvey(after []found) error {
	if !o.surveys() && len(o.Results) > 0 {
		return nil
	}
	list := []surveyed{}
	for i, f := range after {
		s := surveyed{Name: o.Results[i].Name}
		switch {
		case f.problem.Kind != "":
			s.Problem = &f.problem
		case f.there:
			s.SHA256 = f.digest[:]
		default:
			continue
		}
		list = append(list, s)
	}
	text, err := json.Marshal(list)
	if err != nil {
		return fmt.Errorf("cannot encode the survey of the results: %w", err)
	}
	return rundir.PostSurvey(o.RunDir, text)
}

// look returns the state of a result's path, and the value, in buf.
func (o Options) look(r results.File, buf *securefile.Buffer) (found, []byte) {
	value, err := sidecar.Read(filepath.Dir(r.Path), r, o.MaxResultSize, buf)
	var p *sidecar.ProblemError
	switch {
	case errors.As(err, &p):
		return found{problem: p.Problem}, nil
	case err != nil:
		return found{}, nil // sidecar.ErrAbsent
	}
	return found{there: true, digest: sha256.Sum256(value)}, value
}

// leftSince returns the changes of the step to the results since the survey. It keeps values only if the step reports them.
func (o Options) leftSince(before []found) leftovers {
	left := leftovers{before: before}
	total := int64(0)
	var reused securefile.Buffer
	for i := range before {
		r, buf := o.Results[i], &reused
		if o.ReportResults {
			buf = &securefile.Buffer{} // the value is kept
		}
		after, value := o.look(r, buf)
		left.after = append(left.after, after)
		if !o.ReportResults {
			continue
		}
		// An unreadable result is reported each time, because it is unknown whether it has changed.
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
			// No object can hold this much, so the values are dropped, which limits the memory.
			left.problems = append(left.problems, frame.Problem{
				Result: r.Name, Kind: frame.TotalTooLarge, Size: total, Limit: results.ObjectLimit,
			})
		default:
			left.results = append(left.results, frame.Result{Name: r.Name, Type: r.Type, Value: value})
		}
	}
	return left
}

// publish makes the results readable for the sidecar, which is another user, whatever the step's umask is. It returns the
// names of those that exist. A file that cannot be made readable stays unchanged: the sidecar reports it, and why it cannot
// be read.
func (o Options) publish() (there []string) {
	for _, r := range o.Results {
		info, err := os.Lstat(r.Path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		// This includes results that cannot be inspected, because that differs from a missing result.
		there = append(there, r.Name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		securefile.Allow(r.Path, 0o444)
		for dir := filepath.Dir(r.Path); securefile.Allow(dir, 0o555); {
			dir = filepath.Dir(dir)
		}
	}
	return there
}

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

// leftovers are what a step did to the results.
type leftovers struct {
	results  []frame.Result
	removed  []string
	problems []frame.Problem
	// there are the names of all results that were there in the end, whoever wrote them.
	there []string
	// before is what was there when the step before ended, and after what was there when this one did, in the order of
	// Options.Results; nil where nobody asks.
	before, after []found
}

// found is what was at a result's path at one time.
type found struct {
	there   bool
	digest  [sha256.Size]byte
	problem frame.Problem
}

// surveyed is a found as it travels to the entrypoint of the next step.
type surveyed struct {
	Name    string         `json:"name"`
	SHA256  []byte         `json:"sha256,omitempty"`
	Problem *frame.Problem `json:"problem,omitempty"`
}

// surveys reports whether results are compared with what was there before.
func (o Options) surveys() bool { return o.ReportResults || o.Signing.Socket != "" }

// survey returns what was at the results' paths when the step before ended, as its entrypoint found it, so that a step's
// message, or its signature, has only what this step did. It does not look again: what changed in between would be told by
// neither step. It goes by content: a time stamp can be the same after a write. Before the first step there is nothing that
// another step has told of, so whatever is there in the end is the first step's to tell.
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

// postSurvey leaves for the entrypoint of the next step what was there in the end. A step that can leave nothing says
// that, too.
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

// look returns what is at a result's path, and its value, in buf.
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

// leftSince returns what the step did to the results since the survey. The values are kept only where the step reports
// them.
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
		securefile.Allow(r.Path, 0o444)
		for dir := filepath.Dir(r.Path); securefile.Allow(dir, 0o555); {
			dir = filepath.Dir(dir)
		}
	}
	return there
}

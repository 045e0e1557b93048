package entrypoint

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/emit"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// leftovers are what a step did to the results.
type leftovers struct {
	results  []frame.Result
	removed  []string
	problems []frame.Problem
}

// found is what was at a result's path at one time.
type found struct {
	there   bool
	digest  [sha256.Size]byte
	problem frame.Problem
}

// survey looks at all results before the command runs, so that a step's message has only what this step did. It goes
// by content: a time stamp can be the same after a write.
func (o Options) survey() []found {
	if !o.ReportResults {
		return nil
	}
	before := make([]found, len(o.Results))
	for i, r := range o.Results {
		before[i], _ = o.look(r)
	}
	return before
}

// look returns what is at a result's path, and its value.
func (o Options) look(r results.File) (found, []byte) {
	value, err := emit.Read(filepath.Dir(r.Path), r, o.MaxResultSize, nil)
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
	total := int64(0)
	for i := range before {
		r := o.Results[i]
		after, value := o.look(r)
		if after == before[i] {
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

// message writes the container's termination message, if it is to have one.
func (o Options) message(step frame.Step, left leftovers) error {
	if o.TerminationPath == "" {
		return nil
	}
	m := termination.Message{Step: step, Results: left.results, Removed: left.removed, Problems: left.problems}
	b, err := termination.EncodeMessage(m, o.TerminationBudget)
	if err == nil {
		err = os.WriteFile(o.TerminationPath, b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("cannot write termination message: %w", err)
	}
	return nil
}

// publish makes the results readable for the sidecar, which is another user, whatever umask the step had. What cannot
// be made readable is left as it is: the sidecar names it, and says why it cannot be read.
func (o Options) publish() {
	for _, r := range o.Results {
		info, err := os.Lstat(r.Path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		allow(r.Path, info, 0o444)
		for dir := filepath.Dir(r.Path); ; dir = filepath.Dir(dir) {
			info, err := os.Lstat(dir)
			if err != nil || !info.IsDir() || !allow(dir, info, 0o555) {
				break
			}
		}
	}
}

// allow adds permissions to what is at path, and says whether there were any to add.
func allow(path string, info os.FileInfo, more os.FileMode) bool {
	if info.Mode()&more == more {
		return false
	}
	// What else the mode says stays: a volume's directories pass on their group (setgid) or are sticky.
	kept := info.Mode() & (os.ModePerm | os.ModeSetuid | os.ModeSetgid | os.ModeSticky)
	return os.Chmod(path, kept|more) == nil
}

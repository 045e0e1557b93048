package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sluice-ci/sluice/internal/variables"
)

// problem is what is wrong with a reference to a variable. Its zero value is that nothing is.
type problem struct {
	// text says what is wrong.
	text string
	// left says that the object is accepted, and the reference stays as text: it is a warning, and not an error.
	left bool
	// ofResult says that a result of a pipeline has the reference.
	ofResult bool
	// atRun says that only a run fails; see Report.AddAtRun.
	atRun bool
}

// refused is a problem for which the object is refused.
func refused(text string) problem { return problem{text: text} }

// leftAlone is a problem for which the object is accepted. An empty text is no problem.
func leftAlone(text string) problem { return problem{text: text, left: text != ""} }

// failing is a problem with which a run of the task fails.
func failing(text string) problem { return problem{text: text, atRun: text != ""} }

func (p problem) none() bool { return p.text == "" }

// staysText begins the message of a warning about a reference that is not substituted.
const staysText = "stays as text: "

// resultOrigin returns the Origin of an error about a reference to a result of a task.
func resultOrigin(ofPipelineResult bool) string {
	if ofPipelineResult {
		return OriginPipelineResult
	}
	return OriginResultReference
}

// reportReference adds the problem of a reference in a text; where is the part of a value that the text is. Errors about other
// tasks have an Origin.
func (r *Report) reportReference(path *field.Path, where string, reference variables.Reference, p problem) {
	switch {
	case p.none():
	case p.left && !r.listsWarnings():
		r.Warn("", "", p.text) // it is counted
	case p.left:
		r.Warn(path.String()+where, reference.Text, staysText+p.text)
	default:
		err := invalidText(path, where, reference.Text, p.text)
		if reference.Root == variables.RootTasks || reference.Root == variables.RootFinally {
			err = err.WithOrigin(resultOrigin(p.ofResult))
		}
		if p.atRun {
			r.AddAtRun(err)
			return
		}
		r.Add(err)
	}
}

package taskrun

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// final reports whether the creator of the run has already substituted the variables in a part of its spec. The annotation
// for that is read only from the run itself. A user can forge it, with the only effect that the text of that user's own run
// is not substituted.
func final(tr *v1.TaskRun, part string) bool {
	return slices.Contains(finalParts(tr), part)
}

func finalParts(tr *v1.TaskRun) []string {
	listed := tr.Annotations[v1.AnnotationFinal]
	if listed == "" {
		return nil
	}
	return strings.Split(listed, ",")
}

// unread returns the references to resolve in the values of the run's params: those that a PipelineRun has listed, and all in
// a run that a user created.
func unread(tr *v1.TaskRun) (substitute.Unread, error) {
	if finalParts(tr) == nil {
		return substitute.Unread{All: true}, nil
	}
	u, err := substitute.ParseUnread(tr.Annotations[v1.AnnotationUnread])
	if err != nil {
		return u, fmt.Errorf("cannot use annotation %q: %w; remove it and annotation %q, which are for the TaskRuns of a PipelineRun",
			v1.AnnotationUnread, err, v1.AnnotationFinal)
	}
	return u, nil
}

// checkFinal reports values of the annotation that no version of this project writes.
func checkFinal(tr *v1.TaskRun) error {
	for _, part := range finalParts(tr) {
		if !slices.Contains(v1.FinalParts(), part) {
			return fmt.Errorf("cannot use annotation %q: it lists %q, and knows only %s; remove the annotation, "+
				"which is for the TaskRuns of a PipelineRun",
				v1.AnnotationFinal, part, strings.Join(v1.FinalParts(), ", "))
		}
	}
	return nil
}

package taskrun

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/variables/substitute"
)

// final reports whether a part of the run's spec has had its variables substituted by who made the run. The annotation that
// says so is only read from the run itself, and can be forged: who does that has a run whose own text is not substituted.
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

// unread returns which references in the values of the run's params are to be read: those that a PipelineRun has listed, and
// every one in a run that a user made.
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

// checkFinal names what the annotation lists and no version of this project writes.
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

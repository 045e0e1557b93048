package taskrun

import (
	"fmt"
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
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

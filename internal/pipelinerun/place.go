package pipelinerun

import (
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// place is the place of a child among the combinations of a matrix: the index of its combination, and their number. For a task without
// a matrix the number is 0, and the index is negative.
type place struct{ index, of int }

// String returns the value of v1.AnnotationCombination; "" for a task without a matrix.
func (p place) String() string {
	if p.of == 0 {
		return ""
	}
	return fmt.Sprintf("%d/%d", p.index, p.of)
}

// placeOf returns the place of a child, which its annotation has. Children of earlier versions have none.
func placeOf(child Run) place {
	none := place{index: -1}
	first, second, _ := strings.Cut(child.GetAnnotations()[v1.AnnotationCombination], "/")
	index, err := strconv.Atoi(first)
	if err != nil {
		return none
	}
	of, err := strconv.Atoi(second)
	if err != nil || index < 0 || index >= of {
		return none
	}
	return place{index, of}
}

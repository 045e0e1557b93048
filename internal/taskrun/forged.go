package taskrun

import (
	"slices"

	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// credible returns the results of a set that a status may have: none when a step forged the record of its end, since that
// step may have changed what others wrote.
func credible(set *collect.Set) []frame.Result {
	if forges(set) {
		return nil
	}
	return set.Results
}

// forges reports whether a step forged the record of its end.
func forges(set *collect.Set) bool {
	return slices.ContainsFunc(set.Steps, func(s frame.Step) bool { return s.Reason == frame.ReasonForged })
}

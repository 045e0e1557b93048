package taskrun

import (
	"slices"

	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// credible returns the results of a set for the status. There are none if a step forged the record of its end, because that
// step may have changed the results of others.
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

package trust

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/api/v1alpha1"
)

// The limits of what matching a source costs, which is the length of its spellings times the sizes of all patterns.
const (
	// maxSource is the maximum length of a source in bytes.
	maxSource = 4096
	// maxPattern is the maximum size of one pattern, and maxPatterns that of all patterns of a namespace: see sizeOf.
	maxPattern, maxPatterns = 10_000, 40_000
)

var (
	errPatternSize = fmt.Errorf("with its counts written out it has more than %d elements; make its counts, such as {1000}, smaller",
		maxPattern)
	errPatterns = fmt.Errorf("the patterns of all VerificationPolicies of the namespace have more than %d elements together; delete some",
		maxPatterns)
	errSource = errors.New("cannot compare the source with the patterns of VerificationPolicies")
	errPlace  = fmt.Errorf("its host and its path have more than %d bytes together", maxPlace)
)

// parsed parses a pattern, and returns the number of its elements. It fails before it uses memory for a large one.
func parsed(pattern string) (int, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, fmt.Errorf("it is not a regular expression: %w", err)
	}
	size := sizeOf(tree)
	if size > maxPattern {
		return size, errPatternSize
	}
	return size, nil
}

// sizeOf returns the number of elements of an expression, with its counts written out: characters, bounds of classes, and
// operators. The parser of the standard library refuses counts above 1000, also those that follow from nested ones.
func sizeOf(e *syntax.Regexp) int {
	size := 1 + len(e.Rune)
	for _, sub := range e.Sub {
		size += sizeOf(sub)
	}
	if e.Op == syntax.OpRepeat {
		size *= max(e.Min, e.Max, 1)
	}
	return size
}

// compiled returns the expressions of a pattern, which must match the whole source: the pattern itself, and the one without regard to
// case. Tekton matches the whole source since CVE-2026-25542: otherwise a source with the trusted one in its query matches, too. "."
// matches a line break, so that ".*" matches each source.
func compiled(pattern string) ([]*regexp.Regexp, error) {
	var all []*regexp.Regexp
	for _, flags := range []string{"s", "si"} {
		whole, err := regexp.Compile("^(?" + flags + ":" + pattern + ")$")
		if err != nil {
			return nil, fmt.Errorf("it is not a regular expression: %w", err)
		}
		all = append(all, whole)
	}
	return all, nil
}

// Match is a policy with a pattern for a source.
type Match struct {
	Policy *v1alpha1.VerificationPolicy
	// Other reports that no pattern matches the source as it is written, but one matches another spelling of it.
	Other bool
}

// Matching returns the policies with a pattern for a source, or for another spelling of it: otherwise a run could name a source so
// that no pattern matches. The error names a policy whose pattern cannot be used: what it would match is unknown, so that no
// definition can be used. So it is with a source that is too long to compare.
func Matching(policies []v1alpha1.VerificationPolicy, source string) ([]Match, error) {
	if len(policies) == 0 {
		return nil, nil
	}
	source = strings.TrimPrefix(source, "git+") // the prefix that the resolver git adds
	if len(source) > maxSource {
		return nil, fmt.Errorf("%w: it has %d bytes, more than the limit of %d", errSource, len(source), maxSource)
	}
	all, err := spellings(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSource, err)
	}
	var found []Match
	total := 0
	for i := range policies {
		match, err := matchOf(&policies[i], all, &total)
		if err != nil {
			return nil, err
		}
		if match != nil {
			found = append(found, *match)
		}
	}
	return found, nil
}

// matchOf returns the match of a policy, or nil without one. The first spelling is the source as it is written. total is the size of
// all patterns before, and then also of those of the policy.
func matchOf(policy *v1alpha1.VerificationPolicy, spellings []string, total *int) (*Match, error) {
	var match *Match
	for i := range policy.Spec.Resources {
		pattern := policy.Spec.Resources[i].Pattern
		size, err := parsed(pattern)
		if *total += size; err == nil && *total > maxPatterns {
			err = errPatterns
		}
		var expressions []*regexp.Regexp
		if err == nil && (match == nil || match.Other) {
			expressions, err = compiled(pattern)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot use VerificationPolicy %q: spec.resources[%d].pattern: %q: %w", policy.Name, i, shown(pattern), err)
		}
		switch {
		case len(expressions) == 0:
		case expressions[0].MatchString(spellings[0]):
			match = &Match{Policy: policy}
		case match == nil && anyMatch(expressions, spellings):
			match = &Match{Policy: policy, Other: true}
		}
	}
	return match, nil
}

// anyMatch reports whether one of the expressions matches one of the spellings.
func anyMatch(expressions []*regexp.Regexp, spellings []string) bool {
	for _, expression := range expressions {
		if slices.ContainsFunc(spellings, expression.MatchString) {
			return true
		}
	}
	return false
}

package trust

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/sluice-ci/sluice/api/v1alpha1"
)

// The limits of what matching a source costs, which is its length times the sizes of all patterns.
const (
	// maxSource is the maximum length of a source in bytes.
	maxSource = 4096
	// maxPattern is the maximum size of one pattern, and maxPatterns that of all patterns of a namespace: see sizeOf.
	maxPattern, maxPatterns = 10_000, 100_000
)

var (
	errPatternSize = fmt.Errorf("with its counts written out it has more than %d elements; make its counts, such as {1000}, smaller",
		maxPattern)
	errPatterns = fmt.Errorf("the patterns of all VerificationPolicies of the namespace have more than %d elements together; delete some",
		maxPatterns)
	errSource = errors.New("cannot compare the source with the patterns of VerificationPolicies")
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

// compiled returns the expression of a pattern, which must match the whole source. Tekton does this since CVE-2026-25542:
// otherwise a source with the trusted one in its query matches, too. "." matches a line break, so that ".*" matches each source.
func compiled(pattern string) (*regexp.Regexp, error) {
	whole, err := regexp.Compile("^(?s:" + pattern + ")$")
	if err != nil {
		return nil, fmt.Errorf("it is not a regular expression: %w", err)
	}
	return whole, nil
}

// Matching returns the policies with a pattern for a source. The error names a policy whose pattern cannot be used: what it would
// match is unknown, so that no definition can be used. So it is with a source that is too long to compare.
func Matching(policies []v1alpha1.VerificationPolicy, source string) ([]*v1alpha1.VerificationPolicy, error) {
	source = strings.TrimPrefix(source, "git+") // the prefix that the resolver git adds
	if len(policies) > 0 && len(source) > maxSource {
		return nil, fmt.Errorf("%w: it has %d bytes, more than the limit of %d", errSource, len(source), maxSource)
	}
	var found []*v1alpha1.VerificationPolicy
	total := 0
	for i := range policies {
		policy, matches := &policies[i], false
		for j := range policy.Spec.Resources {
			pattern := policy.Spec.Resources[j].Pattern
			size, err := parsed(pattern)
			if total += size; err == nil && total > maxPatterns {
				err = errPatterns
			}
			var expression *regexp.Regexp
			if err == nil && !matches {
				expression, err = compiled(pattern)
			}
			if err != nil {
				return nil, fmt.Errorf("cannot use VerificationPolicy %q: spec.resources[%d].pattern: %q: %w", policy.Name, j, shown(pattern), err)
			}
			matches = matches || expression.MatchString(source)
		}
		if matches {
			found = append(found, policy)
		}
	}
	return found, nil
}

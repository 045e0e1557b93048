package hub

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// maxVersion is the maximum length of the param "version" in bytes.
	maxVersion = 256
	// maxVersions is the maximum number of versions that a hub lists.
	maxVersions = 10_000
	// maxShown is the maximum number of bytes of a value in a message.
	maxShown = 100
)

// version is the wanted version: one, or the highest that satisfies a constraint.
type version struct {
	text       string
	exact      *semver.Version
	constraint *semver.Constraints
}

// parseVersion parses a version, with two or three numbers, or a constraint such as ">= 0.5.0, < 2".
func parseVersion(text string) (version, error) {
	if len(text) > maxVersion {
		return version{}, resolvers.Invalid("cannot use param %q: it has %d bytes, more than the limit of %d",
			paramVersion, len(text), maxVersion)
	}
	v := version{text: text}
	var err error
	if v.exact, err = semver.NewVersion(text); err == nil {
		return v, nil
	}
	if v.constraint, err = semver.NewConstraint(text); err != nil {
		return version{}, resolvers.Invalid("cannot use param %q: %q is neither a version, such as 0.5.0, nor a constraint, such as >= 0.5.0",
			paramVersion, truncate.Text(text, maxShown))
	}
	return v, nil
}

// full returns an exact version as Artifact Hub names it: 0.5.0.
func (v version) full() string { return v.exact.String() }

// short returns an exact version as Tekton Hub names it: 0.5. A last number other than 0 stays.
func (v version) short() string {
	if v.exact.Patch() == 0 && v.exact.Prerelease() == "" && v.exact.Metadata() == "" {
		return fmt.Sprintf("%d.%d", v.exact.Major(), v.exact.Minor())
	}
	return v.exact.String()
}

// highest returns the highest of the listed versions that satisfies the constraint, as the hub writes it, or "". It skips texts
// that are no versions.
func (v version) highest(listed []string) string {
	var best *semver.Version
	found := ""
	for _, text := range listed {
		one, err := semver.NewVersion(strings.TrimSpace(text))
		if err != nil || len(text) > maxVersion || !v.constraint.Check(one) {
			continue
		}
		if best == nil || one.GreaterThan(best) {
			best, found = one, text
		}
	}
	return found
}

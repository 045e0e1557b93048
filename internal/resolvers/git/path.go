package git

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

const (
	// maxPath is the maximum length in bytes of the path of a file.
	maxPath = 4 << 10
	// maxName is the maximum length in bytes of a branch or a tag.
	maxName = 1 << 10
	// digits is the length of a commit's name.
	digits = 40
	// digitsSHA256 is the length of a commit's name in a repository with SHA-256.
	digitsSHA256 = 64
)

// cleanPath returns the path of a file in a repository, without a slash at its beginning. The error is an *Error: the path
// leads out of the repository, or has elements that no file of a repository has.
func cleanPath(path string) (string, error) {
	clean := strings.TrimLeft(path, "/")
	switch {
	case len(path) > maxPath:
		return "", resolvers.Invalid("cannot use param %q: it has %d bytes, more than the limit of %d", paramPath, len(path), maxPath)
	case clean == "" || strings.HasSuffix(clean, "/"):
		return "", resolvers.Invalid("cannot use param %q: it is %s, want the path of a file", paramPath, shown(path))
	case !utf8.ValidString(path) || strings.ContainsFunc(path, isControl):
		return "", resolvers.Invalid("cannot use param %q: it is %s, with control characters or bytes that are not UTF-8", paramPath, shown(path))
	}
	elements := strings.Split(clean, "/")
	elements = slices.DeleteFunc(elements, func(e string) bool { return e == "" || e == "." })
	for _, e := range elements {
		switch {
		case e == "..":
			return "", resolvers.Invalid(`cannot use param %q: it is %s; "..", which can lead out of the repository, is not supported`,
				paramPath, shown(path))
		case strings.EqualFold(e, ".git"):
			return "", resolvers.Invalid(`cannot use param %q: it is %s; ".git" is not part of a commit`, paramPath, shown(path))
		}
	}
	if len(elements) == 0 {
		return "", resolvers.Invalid("cannot use param %q: it is %s, want the path of a file", paramPath, shown(path))
	}
	return strings.Join(elements, "/"), nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// isCommit reports whether a revision is the full name of a commit.
func isCommit(revision string) bool { return len(revision) == digits && isHex(revision) }

func isHex(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F') })
}

// checkRevision refuses a revision that can be neither a commit nor a name in git: these have no control characters, no
// spaces, and none of the characters that git reads as an operator. The error is an *Error.
func checkRevision(revision string) error {
	bad := func(why string) error {
		return resolvers.Invalid("cannot use param %q: it is %s, which %s; want a branch, a tag, or a commit with %d digits",
			paramRevision, shown(revision), why, digits)
	}
	switch {
	case len(revision) > maxName:
		return bad("has too many bytes")
	case len(revision) == digitsSHA256 && isHex(revision):
		return bad("is the SHA-256 name of a commit: such repositories are not supported")
	case !utf8.ValidString(revision) || strings.ContainsFunc(revision, isControl):
		return bad("has control characters, or bytes that are not UTF-8")
	case strings.ContainsAny(revision, " ~^:?*[\\") || strings.Contains(revision, "..") || strings.Contains(revision, "@{"):
		return bad("has characters that no name in git has")
	case strings.HasPrefix(revision, "-") || strings.HasPrefix(revision, "/") || strings.HasSuffix(revision, "/"):
		return bad("begins or ends with a character that no name in git has there")
	}
	for element := range strings.SplitSeq(revision, "/") {
		if element == "" || strings.HasPrefix(element, ".") || strings.HasSuffix(element, ".lock") || strings.HasSuffix(element, ".") {
			return bad("has an element that no name in git has")
		}
	}
	return nil
}

// names returns the names of references for a revision, in git's order of preference.
func names(revision string) []string {
	if revision == "HEAD" {
		return []string{"HEAD"}
	}
	return []string{revision, "refs/" + revision, "refs/tags/" + revision, "refs/heads/" + revision}
}

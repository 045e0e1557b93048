package tutorials

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// ellipsis stands in a page for lines that are left out.
const ellipsis = "…"

var (
	// generated matches what differs from run to run, and must be the same everywhere in one run: names that the API server
	// generates, and digests. Generated names have no vowels.
	generated = regexp.MustCompile(`\b[a-z][a-z0-9-]*-[bcdfghjklmnpqrstvwxz2456789]{5}\b|\b[0-9a-f]{12,64}\b`)
	// progress matches lines that a fast run does not print.
	progress = regexp.MustCompile(`^\S[^:]*: (?:waiting|running)\b`)
)

// variable is a normalization of a part that depends on the machine or the moment.
type variable struct {
	pattern *regexp.Regexp
	with    string
}

// variables returns the normalizations, in their order.
func variables() []variable {
	return []variable{
		{pattern: regexp.MustCompile(`\b\d+(?:\.\d+)? ?s\b`), with: "0s"},
		{pattern: regexp.MustCompile(`[█░]+ +\d+ %`), with: "SHARE"},
		{pattern: regexp.MustCompile(`─+`), with: "─"},
		{pattern: regexp.MustCompile(` +`), with: " "},
	}
}

// bindings has the names and digests of a run by those of the page. A digest has its first 12 digits as its key and as its value.
type bindings map[string]string

// key returns the part of a name or digest by which it is bound.
func key(token string) string {
	const short = 12 // a table shows so many digits of a digest
	if regexp.MustCompile(`^[0-9a-f]{12,64}$`).MatchString(token) {
		return token[:short]
	}
	return token
}

// apply replaces the names of the page in a command by those of the run.
func (b bindings) apply(command string) string {
	return generated.ReplaceAllStringFunc(command, func(token string) string {
		if actual, ok := b[key(token)]; ok {
			return actual
		}
		return token
	})
}

// normalize removes from lines what may differ: progress, empty lines, durations, shares and the width of columns.
func normalize(lines []string) []string {
	var all []string
	for _, line := range lines {
		if progress.MatchString(line) {
			continue
		}
		for _, v := range variables() {
			line = v.pattern.ReplaceAllString(line, v.with)
		}
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// same reports whether a line of a run is that of the page. It binds names that occur for the first time.
func (b bindings) same(want, got string) bool {
	tokens := generated.FindAllString(want, -1)
	var pattern strings.Builder
	for i, literal := range generated.Split(want, -1) {
		pattern.WriteString(regexp.QuoteMeta(literal))
		if i < len(tokens) {
			pattern.WriteString(`([0-9a-z-]{` + fmt.Sprint(len(tokens[i])) + `})`)
		}
	}
	found := regexp.MustCompile("^" + pattern.String() + "$").FindStringSubmatch(got)
	if found == nil {
		return false
	}
	fresh := bindings{}
	for i, token := range tokens {
		actual := key(found[i+1])
		if bound, ok := b[key(token)]; ok && bound != actual {
			return false
		}
		fresh[key(token)] = actual
	}
	maps.Copy(b, fresh)
	return true
}

// compare returns an error with the first line of a run that is not as in the page.
func (b bindings) compare(want, got []string) error {
	want, got = normalize(want), normalize(got)
	next := 0
	for i := 0; i < len(want); i++ {
		if want[i] == ellipsis {
			for i < len(want) && want[i] == ellipsis {
				i++
			}
			if i == len(want) {
				return nil
			}
			for next < len(got) && !b.same(want[i], got[next]) {
				next++
			}
			if next == len(got) {
				return fmt.Errorf("want the line %q after lines that are left out, and it does not come", want[i])
			}
			next++
			continue
		}
		if next == len(got) {
			return fmt.Errorf("want the line %q, and the output has ended", want[i])
		}
		if !b.same(want[i], got[next]) {
			return fmt.Errorf("want the line %q, got %q", want[i], got[next])
		}
		next++
	}
	if next < len(got) {
		return fmt.Errorf("want the end of the output, got the line %q", got[next])
	}
	return nil
}

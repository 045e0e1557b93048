package predict

import (
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/internal/variables"
)

// The lines of a script that write a result of which the text stands there: the target is $(results.<name>.path), in
// quotes or not.
const target = `"?\$\((?:step\.)?results\.([-A-Za-z0-9_.]+)\.path\)"?`

// patterns of them. Their first group, or for hereAfter the second, is the name of the result.
type patterns struct {
	// here is a document that begins in the next line, with its end in quotes, so that the shell leaves it alone.
	here, hereAfter *regexp.Regexp
	// print is echo, echo -n or printf of one text in single quotes.
	print *regexp.Regexp
}

func newPatterns() patterns {
	return patterns{
		here:      regexp.MustCompile(`^\s*cat\s*>\s*` + target + `\s*<<\s*'([^']+)'\s*$`),
		hereAfter: regexp.MustCompile(`^\s*cat\s*<<\s*'([^']+)'\s*>\s*` + target + `\s*$`),
		print:     regexp.MustCompile(`^\s*(echo|echo -n|printf|printf '%s')\s+'([^']*)'\s*>\s*` + target + `\s*$`),
	}
}

// written returns the results that a script writes as texts that stand in it, by name. Results of which the text depends
// on anything else are not among them.
func (p patterns) written(script string) map[string]string {
	found := map[string]string{}
	lines := strings.Split(script, "\n")
	for i := 0; i < len(lines); i++ {
		name, end := "", ""
		if m := p.here.FindStringSubmatch(lines[i]); m != nil {
			name, end = m[1], m[2]
		} else if m := p.hereAfter.FindStringSubmatch(lines[i]); m != nil {
			name, end = m[2], m[1]
		}
		if name != "" {
			var body strings.Builder
			for i++; i < len(lines) && lines[i] != end; i++ {
				body.WriteString(lines[i] + "\n")
			}
			found[name] = body.String()
		} else if m := p.print.FindStringSubmatch(lines[i]); m != nil {
			if text, ok := printed(m[1], m[2]); ok {
				found[m[3]] = text
			}
		}
	}
	for name, text := range found {
		if variables.HasReference(text) {
			delete(found, name)
		}
	}
	return found
}

// printed is what a command prints of a text, and false where it would change the text.
func printed(command, text string) (string, bool) {
	switch {
	case strings.Contains(text, `\`):
		return "", false
	case command == "echo":
		return text + "\n", true
	case command == "printf" && strings.Contains(text, "%"):
		return "", false
	default:
		return text, true
	}
}

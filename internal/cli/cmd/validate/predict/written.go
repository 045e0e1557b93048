package predict

import (
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/internal/variables"
)

// target matches the path $(results.<name>.path), quoted or not, in the lines of a script that write a constant text to a
// result.
const target = `"?\$\((?:step\.)?results\.([-A-Za-z0-9_.]+)\.path\)"?`

// patterns match such lines. Their first group, or for hereAfter the second, is the name of the result.
type patterns struct {
	// here matches the start of a here-document with a quoted delimiter, so that the shell expands nothing in it.
	here, hereAfter *regexp.Regexp
	// print matches echo, echo -n or printf of one text in single quotes.
	print *regexp.Regexp
}

func newPatterns() patterns {
	return patterns{
		here:      regexp.MustCompile(`^\s*cat\s*>\s*` + target + `\s*<<\s*'([^']+)'\s*$`),
		hereAfter: regexp.MustCompile(`^\s*cat\s*<<\s*'([^']+)'\s*>\s*` + target + `\s*$`),
		print:     regexp.MustCompile(`^\s*(echo|echo -n|printf|printf '%s')\s+'([^']*)'\s*>\s*` + target + `\s*$`),
	}
}

// written returns the constant results that a script writes, by name. It omits results that depend on anything else.
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

// printed returns what a command prints for a text, and false if the command would change the text.
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

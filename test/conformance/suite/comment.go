package suite

import (
	"fmt"
	"regexp"
	"strings"
)

// comments holds the directives of a file; the comment of the program lists their forms. The first expectation that applies
// counts. If none applies, every run must succeed.
type comments struct {
	expect []Expectation
	needs  map[string]string
}

// directive matches a directive, alone on a line that begins with it. Text in a script is indented, so it does not match.
func directive() *regexp.Regexp { return regexp.MustCompile(`(?m)^# (expect|needs)\b([^:\n]*):.*$`) }

// follow applies a directive.
func (c *comments) follow(line string) error {
	parts := directive().FindStringSubmatch(line)
	if parts == nil {
		return fmt.Errorf("cannot read comment %q: it is neither \"# expect: REASON\" nor \"# needs: FLAG=VALUE\"", line)
	}
	_, text, _ := strings.Cut(line, ":")
	if parts[1] == "needs" {
		text, parts[2] = "", text
	}
	flags, err := parseFlags(parts[2])
	if err != nil {
		return fmt.Errorf("cannot read comment %q: %w", line, err)
	}
	if parts[1] == "needs" {
		c.needs = flags
		return nil
	}
	reason, message, _ := strings.Cut(text, ":")
	e := Expectation{Flags: flags, Reason: strings.TrimSpace(reason), Message: strings.TrimSpace(message)}
	if e.Reason == "" {
		return fmt.Errorf("cannot read comment %q: give a reason, such as Failed, or %s", line, Refused)
	}
	c.expect = append(c.expect, e)
	return nil
}

// parseFlags parses FLAG=VALUE ….
func parseFlags(text string) (map[string]string, error) {
	var flags map[string]string
	for word := range strings.FieldsSeq(text) {
		flag, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not FLAG=VALUE", word)
		}
		if flags == nil {
			flags = map[string]string{}
		}
		flags[flag] = value
	}
	return flags, nil
}

// Directives holds directives for files that must not be changed, by the files' names.
type Directives map[string][]string

// ParseDirectives reads lines of a file's name and a directive. It skips empty lines and lines that begin with #.
func ParseDirectives(text string) (Directives, error) {
	extra := Directives{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, comment, ok := strings.Cut(line, " ")
		if !ok {
			return nil, fmt.Errorf("cannot read line %q: it is not a name and a comment", line)
		}
		extra[name] = append(extra[name], strings.TrimSpace(comment))
	}
	return extra, nil
}

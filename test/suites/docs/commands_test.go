package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// frontPages are the first pages for new users, contributors and reporters of security problems.
func frontPages() []string {
	return []string{
		root + "/README.md",
		root + "/CONTRIBUTING.md",
		root + "/SECURITY.md",
		root + "/docs/tutorials/first-run.md",
		root + "/docs/install.md",
		root + "/docs/tutorials/large-results.md",
	}
}

// TestREADMEIsShort: details belong into other pages, which the README links.
func TestREADMEIsShort(t *testing.T) {
	const most = 120
	if lines := strings.Count(read(t, root+"/README.md"), "\n"); lines > most {
		t.Errorf("README.md has %d lines, at most %d are allowed: move a part into docs/", lines, most)
	}
}

// code returns the code in a page: between backquotes, and the lines of fenced blocks.
func code(text string) []string {
	var all []string
	fenced := false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if fenced {
			command, _, _ := strings.Cut(line, " #")
			all = append(all, strings.TrimPrefix(strings.TrimSpace(command), "$ "))
		} else {
			all = append(all, quoted(line)...)
		}
	}
	return all
}

// commandsIn returns the commands of `sluice` and the targets of `make` that a piece of code runs.
func commandsIn(code string) (sluice, targets []string) {
	for _, match := range regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*(?:bin/)?sluice ([a-z-]\S*)`).FindAllStringSubmatch(code, -1) {
		sluice = append(sluice, match[1])
	}
	for _, match := range regexp.MustCompile(`^(?:[A-Z_]+=\S+ )*make((?: [a-z0-9-]+)+)\b`).FindAllStringSubmatch(code, -1) {
		targets = append(targets, strings.Fields(match[1])...)
	}
	return sluice, targets
}

// TestNamedCommandsExist: a command, flag, target or script that a front page names must exist. SECURITY.md once asked for
// the output of a command that did not exist.
func TestNamedCommandsExist(t *testing.T) {
	makefile := read(t, root+"/Makefile")
	flags := read(t, root+"/docs/cli/sluice.md")
	found := 0
	for _, page := range frontPages() {
		for _, piece := range code(read(t, page)) {
			sluice, targets := commandsIn(piece)
			found += len(sluice) + len(targets)
			for _, command := range sluice {
				if strings.HasPrefix(command, "-") {
					if !strings.Contains(flags, "`"+command+"`") {
						t.Errorf("%s: sluice has no flag %s", page, command)
					}
				} else if _, err := os.Stat(root + "/docs/cli/sluice_" + command + ".md"); err != nil {
					t.Errorf("%s: there is no command sluice %s", page, command)
				}
			}
			for _, target := range targets {
				if !strings.Contains(makefile, "\n"+target+":") {
					t.Errorf("%s: there is no target make %s", page, target)
				}
			}
			for _, script := range regexp.MustCompile(`\b(?:hack|config|docs|examples)/[\w./-]+`).FindAllString(piece, -1) {
				if _, err := os.Stat(filepath.Join(root, script)); err != nil {
					t.Errorf("%s names %s: %v", page, script, err)
				}
			}
		}
	}
	const least = 40
	if found < least {
		t.Errorf("only %d commands were found on the front pages", found)
	}
}

func TestCommandsIn(t *testing.T) {
	cases := map[string]struct {
		reason          string
		code            string
		sluice, targets string
	}{
		"Command":   {reason: "A command with its arguments.", code: "sluice run -f FILE", sluice: "run"},
		"Flag":      {reason: "A flag instead of a command.", code: "sluice --version", sluice: "--version"},
		"Targets":   {reason: "Several targets at once.", code: "make lint verify", targets: "lint verify"},
		"Variables": {reason: "Variables are not targets.", code: "X=y make chaos MINUTES=30", targets: "chaos"},
		"Neither":   {reason: "Words of a sentence.", code: "task make ended"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			sluice, targets := commandsIn(tc.code)
			if strings.Join(sluice, " ") != tc.sluice || strings.Join(targets, " ") != tc.targets {
				t.Errorf("%s\nfound %q and %q in %q", tc.reason, sluice, targets, tc.code)
			}
		})
	}
}

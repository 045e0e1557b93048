package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/tools/prose/rule"
)

// projectRules is the folder that make lint uses.
const projectRules = "styles/Sluice"

// kinds are the files in which each phrase is looked for: how a file begins, and how it holds a phrase on one line.
var kinds = map[string]struct {
	header string
	line   string
}{
	"comment.go":      {header: "package a\n", line: "// A line: %s here.\n\n"},
	"comment_test.go": {header: "package a\n", line: "// A line: %s here.\n\n"},
	"message.go":      {header: "package a\n", line: "var _ = \"a message: %s here\"\n\n"},
	"page.md":         {header: "# A page\n", line: "- A line: %s here.\n\n"},
	"cell.md":         {header: "# A table\n", line: "| `name` | %s | here |\n\n"},
	"comment.yaml":    {header: "a: b\n", line: "# A line: %s here.\n\n"},
	"value.yaml":      {header: "a: b\n", line: "c: A line, %s here.\n\n"},
	"comment.sh":      {header: "set -e\n", line: "# A line: %s here.\n\n"},
}

// TestBannedPhrases: the rules of the project find each phrase in each kind of file, and no phrase of a rule is without a
// row here.
func TestBannedPhrases(t *testing.T) {
	names := slices.Sorted(maps.Keys(banned))
	folder := t.TempDir()
	for file, kind := range kinds {
		content := kind.header
		for _, name := range names {
			content += fmt.Sprintf(kind.line, banned[name].text)
		}
		write(t, filepath.Join(folder, file), content)
	}
	found := lintFolder(t, folder)
	for file, kind := range kinds {
		for i, name := range names {
			line := strings.Count(kind.header, "\n") + 1 + 2*i
			wanted := fmt.Sprintf("(%s)", banned[name].rule)
			if !strings.Contains(strings.Join(found[fmt.Sprintf("%s:%d", file, line)], "\n"), wanted) {
				t.Errorf("%s: %s:%d is without a finding of %s: got %q", name, file, line, wanted, found[fmt.Sprintf("%s:%d", file, line)])
			}
		}
	}
}

// TestEveryPhraseHasARow: a phrase that is added to a rule needs a row of TestBannedPhrases that it finds.
func TestEveryPhraseHasARow(t *testing.T) {
	rules, err := rule.Load(projectRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		matched := map[string]bool{}
		for _, row := range banned {
			for _, found := range r.Find(row.text) {
				matched[found.Phrase] = true
			}
		}
		for _, phrase := range r.Phrases {
			if !matched[phrase] {
				t.Errorf("rule %s: no row is found by phrase %q alone", r.Name, phrase)
			}
		}
	}
}

// TestGoodSentences: the rules find nothing in plain sentences that are near to what they refuse.
func TestGoodSentences(t *testing.T) {
	cases := map[string]string{
		"Unavailable":   "The registry is unavailable, so the controller retries after ten seconds.",
		"Had":           "The step had a result that is missing now.",
		"Report":        "The kubelet reports the container as ended, and the sidecar records its exit code.",
		"WordsWithTell": "The storyteller and the satellite are other words.",
		"Note":          "Note that the limit is 1.5 MiB. The release notes name it.",
		"Role":          "A user who has the right reads the log; the administrator grants it.",
		"Own":           "Each run has its own service account and owns its pod.",
		"On":            "The pod goes to the node on which the claim is mounted. Golang one is a name.",
		"Stop":          "The run ends with reason Cancelled when its spec.status says so.",
		"Stands":        "The image stands in for another one.",
		"If":            "If the webhook fails, the API server should reject the object.",
		"License":       "The license of a module is recognized by its text, and colors are optional.",
		"Code":          "Set `behaviour: told` or `likewise` in the file.",
		"Cleft":         "It is a name. That it is valid is checked by the webhook.",
	}
	folder := t.TempDir()
	for name, sentence := range cases {
		write(t, filepath.Join(folder, name+".md"), sentence+"\n")
		write(t, filepath.Join(folder, name+".go"), "package a\n\n// "+sentence+"\nconst a = 1\n")
	}
	for place, messages := range lintFolder(t, folder) {
		t.Errorf("%s: got %q, want no finding", place, messages)
	}
}

// findingLine is a line of the output: FILE:LINE, and what is said about it.
var findingLine = regexp.MustCompile(`^(.*:\d+): (?:error|warning): (.*)$`)

// lintFolder runs the program on a folder with the rules of the project. It returns the messages by FILE:LINE.
func lintFolder(t *testing.T, folder string) map[string][]string {
	t.Helper()
	var out bytes.Buffer
	if _, err := run([]string{"-rules", projectRules, "-warnings", folder}, &out); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(out.String()) {
		if match := findingLine.FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			place := strings.TrimPrefix(match[1], filepath.ToSlash(folder)+"/")
			found[place] = append(found[place], match[2])
		}
	}
	return found
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

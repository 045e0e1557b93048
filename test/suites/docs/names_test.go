package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/test/testutil/tables"
)

// root is the main module's folder.
const root = "../../.."

// reliability is the page with the fault matrix.
const reliability = root + "/docs/reliability.md"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// quoted returns the text between backquotes in a page.
func quoted(text string) []string {
	var all []string
	for _, match := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// testFiles returns the test files of the main module, by path.
func testFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "bin"):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			files[path] = read(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestNamedTestsExist: a test that a page names must exist, and so must the named case of its table.
func TestNamedTestsExist(t *testing.T) {
	files := testFiles(t)
	for _, page := range markdown(t) {
		for _, name := range quoted(read(t, page)) {
			function, subtest, _ := strings.Cut(name, "/")
			if !regexp.MustCompile(`^Test[A-Z]\w+$`).MatchString(function) {
				continue
			}
			if !exists(files, function, subtest) {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}

// exists reports whether a test exists, and a case of that name in the same file.
func exists(files map[string]string, function, subtest string) bool {
	for _, text := range files {
		if strings.Contains(text, "\nfunc "+function+"(t *testing.T)") && (subtest == "" || strings.Contains(text, strconv.Quote(subtest))) {
			return true
		}
	}
	return false
}

// TestEveryFaultHasATest: each fault must have a row with tests at the end of the page, and the other way round.
func TestEveryFaultHasATest(t *testing.T) {
	tested := map[string]bool{}
	var faults []string
	for _, table := range tables.Of(read(t, reliability)) {
		if table.Header[0] != "fault" {
			continue
		}
		for _, row := range table.Rows {
			if !strings.HasPrefix(table.Heading, "Tests: ") {
				faults = append(faults, row[0])
				continue
			}
			tested[row[0]] = false
			if !strings.Contains(row[1], "`Test") {
				t.Errorf("no test is named for: %s", row[0])
			}
		}
	}
	for _, fault := range faults {
		if _, ok := tested[fault]; !ok {
			t.Errorf("no row with tests for: %s", fault)
		}
		tested[fault] = true
	}
	for fault, known := range tested {
		if !known {
			t.Errorf("a row with tests for a fault that the page does not have: %s", fault)
		}
	}
	const least = 80
	if len(faults) < least {
		t.Errorf("want at least %d faults, got %d", least, len(faults))
	}
}

// TestEveryReasonOfResultsIsDocumented: the page must say what to do about every reason that concerns results.
func TestEveryReasonOfResultsIsDocumented(t *testing.T) {
	page := read(t, reliability)
	reasons := reasons(t)
	if len(reasons) < 30 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	for name, reason := range reasons {
		if strings.Contains(name, "Result") && !strings.Contains(page, "`"+reason+"`") {
			t.Errorf("%s does not explain %s, %q", reliability, name, reason)
		}
	}
	_, table, _ := strings.Cut(page, "## Reasons")
	table, _, _ = strings.Cut(table, "\n## ")
	for line := range strings.Lines(table) {
		reason, ok := strings.CutPrefix(line, "| `")
		if reason, _, _ = strings.Cut(reason, "`"); !ok {
			continue
		}
		if !contains(reasons, reason) {
			t.Errorf("%s explains the reason %s, which does not exist", reliability, reason)
		}
		if cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"); len(cells) < 3 ||
			strings.TrimSpace(cells[len(cells)-1]) == "" {
			t.Errorf("%s does not say what to do about %s", reliability, reason)
		}
	}
}

func contains(reasons map[string]string, reason string) bool {
	for _, r := range reasons {
		if r == reason {
			return true
		}
	}
	return false
}

// reasons returns the constants of api/v1/reasons.go by name.
func reasons(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), root+"/api/v1/reasons.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			literal, ok := spec.Values[i].(*ast.BasicLit)
			if !ok {
				continue
			}
			if all[name.Name], err = strconv.Unquote(literal.Value); err != nil {
				t.Fatal(err)
			}
		}
		return true
	})
	return all
}

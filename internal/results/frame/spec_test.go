package frame_test

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// specification is the document that the format follows.
const specification = "../../../docs/format/results-stream.md"

// exampleNonce is the nonce of the worked example.
const exampleNonce = "6fJr2mQx"

// workedExample is the log in the specification: the output of the Writer, with a foreign line in between. The values are too
// short for compression, so that the text does not depend on the compressor.
func workedExample() string {
	start := time.Date(2026, time.March, 4, 9, 30, 0, 250_000_000, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var b bytes.Buffer
	w := frame.NewWriter(&b, exampleNonce)
	err := errors.Join(
		w.Step(frame.Step{Name: "step-build", StartedAt: at(0), FinishedAt: at(1500), Reason: frame.ReasonCompleted}),
		w.Step(frame.Step{Name: "step-test", ExitCode: 2, StartedAt: at(1501), FinishedAt: at(1900), Reason: frame.ReasonError}),
	)
	b.WriteString("W0304 09:30:02.151 the library of somebody warns on stderr\n")
	err = errors.Join(err,
		w.Result(frame.Result{Name: "digest", Type: results.TypeString, Value: []byte("sha256:2c26b46b")}),
		w.Result(frame.Result{Name: "platforms", Type: results.TypeArray, Value: []byte(`["amd64","arm64"]`)}),
		w.Result(frame.Result{Name: "notes", Type: results.TypeString}),
		w.Problem(frame.Problem{
			Result: "sbom", Kind: frame.TooLarge, Size: 314159, Limit: results.DefaultMaxSize,
			Detail: "the value is larger than one result may be",
		}),
		w.End(false),
	)
	if err != nil {
		panic(err) // a buffer takes everything, and the records are valid
	}
	return b.String()
}

// The specification's example is what the Writer writes.
func TestSpecificationExample(t *testing.T) {
	doc, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "with -update -->\n```text\n", "```\n<!-- end of example -->"
	before, rest, okBegin := bytes.Cut(doc, []byte(begin))
	example, after, okEnd := bytes.Cut(rest, []byte(end))
	if !okBegin || !okEnd {
		t.Fatal("the specification has no example")
	}
	want := workedExample()
	if *update {
		doc = []byte(string(before) + begin + want + end + string(after))
		if err := os.WriteFile(specification, doc, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(example) != want {
		t.Errorf("the specification shows\n%s\nwhere the writer writes\n%s\nrun the test with -update", example, want)
	}
}

// The specification names what can be read and what can be wrong.
func TestSpecificationIsComplete(t *testing.T) {
	doc, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"8192", "6000", "1024", "1572864", "16 MiB", "1*64("}
	for word := range outcomes {
		words = append(words, "| `"+word+"` |")
	}
	for _, word := range declaredWords(t) {
		words = append(words, "| `"+word+"` |")
	}
	for _, name := range regexp.MustCompile("`(?:whole|gap|digest|trailing|malformed|version)-[-a-z]+`").FindAllString(string(doc), -1) {
		if _, err := os.Stat(filepath.Join(vectorsDir, strings.Trim(name, "`")+".txt")); err != nil {
			t.Errorf("the specification speaks of the vector %s: %v", name, err)
		}
	}
	for _, word := range words {
		if !strings.Contains(string(doc), word) {
			t.Errorf("the specification does not have %q", word)
		}
	}
}

// declaredWords returns the values of all constants of the types Reason and ProblemKind, so that none can be forgotten.
func declaredWords(t *testing.T) (words []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "record.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, isNamed := spec.Type.(*ast.Ident)
		value, isLiteral := spec.Values[0].(*ast.BasicLit)
		if isNamed && isLiteral && (kind.Name == "Reason" || kind.Name == "ProblemKind") {
			words = append(words, strings.Trim(value.Value, `"`))
		}
		return true
	})
	if len(words) < 15 {
		t.Fatalf("only these words were found: %q", words)
	}
	return words
}

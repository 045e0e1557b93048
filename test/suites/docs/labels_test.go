package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/tables"
)

// labelsPage lists all labels and annotations.
const labelsPage = root + "/docs/labels.md"

// domains are those of the labels and annotations of Sluice and of Tekton.
var domains = regexp.MustCompile(`^(?:(?:pipeline|pruner|resolution|chains)\.)?(?:sluice|tekton)\.dev/[A-Za-z][\w.-]*$`)

// otherNames are names of the same form that are neither a label nor an annotation of an object.
func otherNames() []string {
	return []string{
		"sluice.dev/controller", "sluice.dev/StartFailure", // a value of spec.managedBy, and a type of condition
		"sluice.dev/trimmed",      // a manager of fields
		"sluice.dev/engine-since", // an annotation that exists in the controller's cache only
		"tekton.dev/v1alpha1", "tekton.dev/v1beta1",
	}
}

// namedInCode returns the labels and annotations in the code.
func namedInCode(t *testing.T) map[string]struct{} {
	t.Helper()
	all := map[string]struct{}{}
	for _, folder := range []string{"api", "internal", "cmd"} {
		for text := range texts(t, root+"/"+folder) {
			if domains.MatchString(text) {
				all[numbered(text)] = struct{}{}
			}
		}
	}
	for _, name := range otherNames() {
		if _, ok := all[name]; !ok {
			t.Errorf("the exception %s does not occur in the code", name)
		}
		delete(all, name)
	}
	return all
}

// texts returns the texts in the code below a path, without tests. A text can be made of two parts, of which one is a constant of the
// same folder.
func texts(t *testing.T, path string) map[string]struct{} {
	t.Helper()
	all := map[string]struct{}{}
	for _, files := range sources(t, path) {
		constants := constantsOf(files)
		for _, file := range files {
			ast.Inspect(file, func(node ast.Node) bool {
				if expression, ok := node.(ast.Expr); ok {
					if text, isText := valueOf(expression, constants); isText {
						all[text] = struct{}{}
					}
				}
				return true
			})
		}
	}
	return all
}

// numbered returns the first of the names that begin with a text that ends with "-", and every other text as it is.
func numbered(name string) string {
	if strings.HasSuffix(name, "-") {
		return name + "0"
	}
	return name
}

// sources returns the parsed files of each folder below a path, without tests.
func sources(t *testing.T, path string) map[string][]*ast.File {
	t.Helper()
	all := map[string][]*ast.File{}
	err := filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		all[filepath.Dir(path)] = append(all[filepath.Dir(path)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// constantsOf returns the constants of a folder that are texts.
func constantsOf(files []*ast.File) map[string]string {
	all := map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			for i := 0; ok && i < len(spec.Values) && i < len(spec.Names); i++ {
				if text, isText := valueOf(spec.Values[i], nil); isText {
					all[spec.Names[i].Name] = text
				}
			}
			return true
		})
	}
	return all
}

// valueOf returns the text that an expression is: a literal, a constant of the folder, the group of the API, or two of them together.
func valueOf(of ast.Expr, constants map[string]string) (string, bool) {
	switch of := of.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(of.Value)
		return text, err == nil && of.Kind == token.STRING
	case *ast.Ident:
		text, ok := constants[of.Name]
		return text, ok
	case *ast.SelectorExpr:
		return v1.GroupName, of.Sel.Name == "GroupName"
	case *ast.BinaryExpr:
		left, okLeft := valueOf(of.X, constants)
		right, okRight := valueOf(of.Y, constants)
		return left + right, okLeft && okRight && of.Op == token.ADD
	default:
		return "", false
	}
}

// selectors returns the labels by which manifests select namespaces.
func selectors(t *testing.T) map[string]struct{} {
	t.Helper()
	all := map[string]struct{}{}
	for _, file := range []string{"/config/webhook/validating.yaml", "/config/monitoring-open/network_policy.yaml"} {
		for _, name := range regexp.MustCompile(`\bsluice\.dev/[a-z-]+`).FindAllString(read(t, root+file), -1) {
			all[name] = struct{}{}
		}
	}
	return all
}

// TestEveryLabelIsListed: the page must list each label and annotation in the code, and no other.
func TestEveryLabelIsListed(t *testing.T) {
	page := read(t, labelsPage)
	listed := append(tables.First(page, "label"), tables.First(page, "annotation")...)
	known := namedInCode(t)
	maps.Copy(known, selectors(t))
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !slices.Contains(listed, name) && !strings.Contains(page, "`"+name+"`") {
			t.Errorf("docs/labels.md does not list %s", name)
		}
	}
	standard := []string{"app.kubernetes.io/managed-by"}
	for _, name := range listed {
		if _, ok := known[name]; !ok && !slices.Contains(standard, name) {
			t.Errorf("docs/labels.md lists %s, which is not in the code", name)
		}
	}
	const least = 40
	if len(known) < least {
		t.Errorf("want at least %d labels and annotations in the code, got %d", least, len(known))
	}
}

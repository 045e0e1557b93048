package securefile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The functions of package os that open, make or change a file by its name, and the code in a pod that may call them: this
// package, and rundir, whose folder is a mount of the step's own. The binary copies itself before any step runs.
var (
	byName = []string{
		"Open", "OpenFile", "Create", "CreateTemp", "ReadFile", "WriteFile", "Chmod", "Chown", "Mkdir", "MkdirAll",
		"MkdirTemp", "Truncate", "Link",
	}
	allowed = []string{"internal/inpod/securefile", "internal/inpod/rundir", "internal/inpod"}
)

// All code that goes into a pod opens files by this package: another step may have put something else in their place.
func TestOnlyThisPackageOpensFiles(t *testing.T) {
	const top = "../../.."
	files := 0
	for _, dir := range []string{
		"cmd/inpod", "internal/inpod", "internal/results/frame", "internal/results/termination",
		"internal/results/signature",
	} {
		err := filepath.WalkDir(filepath.Join(top, dir), func(path string, _ fs.DirEntry, err error) error {
			in, relErr := filepath.Rel(top, filepath.Dir(path))
			if err != nil || relErr != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				slices.Contains(allowed, in) {
				return err
			}
			files++
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains(byName, s.Sel.Name) {
					if pkg, ok := s.X.(*ast.Ident); ok && pkg.Name == "os" {
						t.Errorf("%s calls os.%s: use package securefile", path, s.Sel.Name)
					}
				}
				return true
			})
			return nil
		})
		must(t, err)
	}
	if files < 20 {
		t.Errorf("only %d files were looked at", files)
	}
}

package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
)

// TestVariantsThatTektonAccepts: each file of testdata/variants is an object in a form that Tekton admits. It causes no error here.
// Its first line says what the form is.
func TestVariantsThatTektonAccepts(t *testing.T) {
	const folder, least = "testdata/variants", 60
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < least {
		t.Fatalf("want at least %d files in %s, got %d (%v)", least, folder, len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(file.Name(), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(folder, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			form, _, _ := strings.Cut(string(text), "\n")
			set := &check.Set{}
			set.Add(file.Name(), text)
			for _, found := range set.Check() {
				if found.Severity == check.Error {
					t.Errorf("%s\nline %d, %s: %s", form, found.Line, found.Field, found.Message)
				}
			}
		})
	}
}

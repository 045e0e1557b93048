package predict_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/predict"
	"github.com/sluice-ci/sluice/internal/config"
)

// FuzzFiles: whatever a file holds, each finding has a place in it, and nothing else happens.
func FuzzFiles(f *testing.F) {
	for _, pattern := range []string{
		"../check/testdata/*.yaml",
		"../../../../../examples/pipelineruns/*.yaml",
		"../../../../../internal/validation/testdata/bad/*.yaml",
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("there are no files %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		set := &check.Set{}
		set.Add("f.yaml", text)
		set.Check()
		for _, found := range set.Check(predict.Predict(set, predict.Limits{ResultsFrom: config.SidecarLogs, MaxResultSize: 1 << 20})...) {
			if found.Line < 1 || found.Column < 1 || found.Message == "" {
				t.Errorf("a finding without a place or a message: %+v", found)
			}
		}
	})
}

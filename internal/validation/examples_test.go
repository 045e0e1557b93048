package validation

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// What the documentation shows must be what validation accepts.
func TestExamplesAreValid(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(filepath.Join("..", "..", "examples"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for document := range strings.SplitSeq(string(text), "\n---\n") {
			if errs, ok := validateDocument(t, document); ok {
				checked++
				if len(errs) > 0 {
					t.Errorf("%s: %v", path, errs.ToAggregate())
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked == 0 {
		t.Error("no example was found")
	}
}

// validateDocument returns false for objects of other groups.
func validateDocument(t *testing.T, document string) (field.ErrorList, bool) {
	t.Helper()
	var kind struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
		t.Fatal(err)
	}
	spec := field.NewPath("spec")
	switch kind.Kind {
	case v1.KindTask:
		return TaskSpec(&decode[v1.Task](t, document).Spec, spec), true
	case v1.KindTaskRun:
		return TaskRun(decode[v1.TaskRun](t, document)), true
	case v1.KindPipeline:
		return PipelineSpec(&decode[v1.Pipeline](t, document).Spec, spec), true
	case v1.KindPipelineRun:
		return PipelineRun(decode[v1.PipelineRun](t, document)), true
	}
	return nil, false
}

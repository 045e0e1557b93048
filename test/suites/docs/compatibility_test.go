package docs

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

const compatibilityPage = root + "/docs/compatibility.md"

// commonFields is the list of fields that Tekton Pipelines 1.15 has, too, as paths. It was made from its CRDs.
const commonFields = "testdata/common-fields.txt"

// apiFields returns the paths of all fields of the kinds. It lists the fields of each type once, at the first path that leads to it.
func apiFields() []string {
	var paths []string
	seen := map[reflect.Type]bool{}
	var visit func(path string, t reflect.Type)
	visit = func(path string, t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] || !strings.Contains(t.PkgPath(), "sluice/api/") {
			return
		}
		seen[t] = true
		for f := range t.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-" || f.Type.PkgPath() == "k8s.io/apimachinery/pkg/apis/meta/v1" && f.Anonymous:
			case name == "":
				visit(path, f.Type)
			default:
				paths = append(paths, path+"."+name)
				visit(path+"."+name, f.Type)
			}
		}
	}
	visit("Task", reflect.TypeFor[v1.Task]())
	visit("TaskRun", reflect.TypeFor[v1.TaskRun]())
	visit("Pipeline", reflect.TypeFor[v1.Pipeline]())
	visit("PipelineRun", reflect.TypeFor[v1.PipelineRun]())
	visit("StepAction", reflect.TypeFor[v1beta1.StepAction]())
	visit("CustomRun", reflect.TypeFor[v1beta1.CustomRun]())
	return paths
}

// TestEveryFieldIsCompared: each field of the API is one that Tekton Pipelines has, too, or the page of differences names it.
func TestEveryFieldIsCompared(t *testing.T) {
	text, err := os.ReadFile(commonFields)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(compatibilityPage)
	if err != nil {
		t.Fatal(err)
	}
	common, all := strings.Fields(string(text)), apiFields()
	if len(all) < 250 {
		t.Fatalf("want all fields, got %d", len(all))
	}
	for _, path := range all {
		if !slices.Contains(common, path) && !strings.Contains(string(page), "`"+path+"`") {
			t.Errorf("%s is not in %s: name it in docs/compatibility.md, or add it to the list if Tekton Pipelines has it", path, commonFields)
		}
	}
	for _, path := range common {
		if !slices.Contains(all, path) {
			t.Errorf("%s is in %s, and the API does not have it: remove it, and name it in docs/compatibility.md", path, commonFields)
		}
	}
}

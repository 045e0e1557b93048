package check_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/check"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// lines are findings as a user sees them.
func lines(findings []check.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %s: %s %s: %s\n", f.Place, f.Severity, f.Object, f.Field, f.Message)
		if f.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", f.Hint)
		}
	}
	return b.String()
}

// TestFiles: what is wrong with each file of testdata stands in the file beside it.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			set := &check.Set{}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			set.Add(filepath.Base(file), text)
			got, golden := lines(set.Check()), strings.TrimSuffix(file, ".yaml")+".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got, -update rewrites)\n%s", diff)
			}
		})
	}
}

// TestEmbeddedObjects: objects within a TriggerTemplate or a List are checked, with their places in the file. A line with a param of
// the TriggerTemplate is not. Objects of other versions are notes.
func TestEmbeddedObjects(t *testing.T) {
	text, err := os.ReadFile("testdata/embedded/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set := &check.Set{}
	set.Add("objects.yaml", text)
	var got []string
	for _, f := range set.Check() {
		got = append(got, fmt.Sprintf("%d: %s: %s %s", f.Line, f.Severity, f.Object, f.Message))
	}
	//nolint:dupword // an object without a name is named by its kind
	want := []string{
		`12: error: PipelineRun/build-$(tt.params.revision)-* unknown field "task"`,
		`18: warning: PipelineRun/build-$(tt.params.revision)-* "$(params.revison)": stays as text: no param "revison"; there are: revision`,
		`22: note:  the document is a template, and parts of it are not checked`,
		`38: error: Task/listed unknown field "scrpt"`,
		`41: note: Pipeline not validated: version v1beta1`,
		`46: note: PipelineRun not validated: version v1beta1`,
		`50: error: Task Task has no version tekton.dev/v2`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestPatches: a file that a kustomization names as a patch has a part of an object, and is not checked as a whole one, in any
// order of the files. The files that it names as resources are checked.
func TestPatches(t *testing.T) {
	files := map[string]string{
		"overlay/kustomization.yaml": "resources: [task.yaml]\npatches: [{path: ../patches/image.yaml}, {patch: \"- op: remove\\n\"}]\n" +
			"patchesStrategicMerge: [more.yaml]\n",
		"overlay/task.yaml":  "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: a}\nspec: {}\n",
		"patches/image.yaml": "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: a}\nspec: {steps: [{name: x}]}\n",
		"overlay/more.yaml":  "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: a}\nspec: {stps: []}\n",
	}
	for _, order := range [][]string{
		{"overlay/kustomization.yaml", "overlay/task.yaml", "patches/image.yaml", "overlay/more.yaml"},
		{"overlay/more.yaml", "patches/image.yaml", "overlay/task.yaml", "overlay/kustomization.yaml"},
	} {
		set := &check.Set{}
		for _, file := range order {
			set.Add(file, []byte(files[file]))
		}
		got := map[string]check.Severity{}
		for _, f := range set.Check() {
			got[f.File] = f.Severity
		}
		want := map[string]check.Severity{"overlay/kustomization.yaml": check.Note, "overlay/task.yaml": check.Error}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: -want +got:\n%s", order, diff)
		}
	}
}

// TestExamples: nothing is wrong with what the project shows.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../../../../examples/*/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("only %d examples were found: %v", len(files), err)
	}
	// These are written to be refused, or to fail.
	bad := map[string]string{"cycle.yaml": "they wait for each other", "result-missing.yaml": ""}
	for _, file := range files {
		set := &check.Set{}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(file, text)
		findings := slices.DeleteFunc(set.Check(), func(f check.Finding) bool { return f.Severity != check.Error })
		got := lines(findings)
		if want, isBad := bad[filepath.Base(file)]; got != "" && (!isBad || !strings.Contains(got, want)) {
			t.Errorf("%s:\n%s", file, got)
		}
	}
}

// TestRefused: every object that the API refuses is found, with a place in its file.
func TestRefused(t *testing.T) {
	files, err := filepath.Glob("../../../../../internal/validation/testdata/bad/*.yaml")
	if err != nil || len(files) < 50 {
		t.Fatalf("only %d files were found: %v", len(files), err)
	}
	for _, file := range files {
		set := &check.Set{}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set.Add(file, text)
		findings := set.Check()
		if check.Count(findings, check.Error) == 0 {
			t.Errorf("%s: nothing was found", file)
		}
		for _, f := range findings {
			if f.Line < 1 || f.Column < 1 {
				t.Errorf("%s: %s has no place", file, f.Message)
			}
		}
	}
}

// TestSeveralFiles: a Task of one file is known to a Pipeline of another.
func TestSeveralFiles(t *testing.T) {
	set := &check.Set{}
	set.Add("pipeline.yaml", []byte(`apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: p}
spec:
  tasks:
  - name: a
    taskRef: {name: make}
  - name: b
    taskRef: {name: make}
    runAfter: [a]
  results:
  - name: r
    value: $(tasks.a.results.digset)
`))
	set.Add("task.yaml", []byte(`apiVersion: tekton.dev/v1
kind: Task
metadata: {name: make}
spec:
  results: [{name: digest}]
  steps: [{name: s, image: busybox, script: 'echo > $(results.digest.path)'}]
`))
	got := lines(set.Check())
	if !strings.HasPrefix(got, "pipeline.yaml:13:12: error: Pipeline/p spec.results[0].value: ") || !strings.Contains(got, "digest") {
		t.Errorf("want the result that the Task does not have, got\n%s", got)
	}
}

func TestOthers(t *testing.T) {
	set := &check.Set{}
	set.Add("f.yaml", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n---\n# nothing\n"))
	if found := set.Check(); len(found) != 0 || set.Others != 1 || len(set.Objects) != 0 {
		t.Errorf("objects of other groups are left alone, got %v and %+v", found, set)
	}
}

// TestNearest: an object refers to the one in its folder, and to none of several in other folders.
func TestNearest(t *testing.T) {
	task := func(param string) []byte {
		return []byte("apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: build}\nspec: {params: [{name: " + param +
			"}], steps: [{image: i}]}\n")
	}
	run := []byte("apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {name: run}\nspec: {taskRef: {name: build}}\n")
	cases := map[string]struct {
		runIn string
		want  string
	}{
		"Own":     {runIn: "build/0.2/run.yaml", want: `missing param "second"`},
		"Several": {runIn: "runs/run.yaml", want: ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set := &check.Set{}
			set.Add("build/0.1/task.yaml", task("first"))
			set.Add("build/0.2/task.yaml", task("second"))
			set.Add(tc.runIn, run)
			got := lines(set.Check())
			if (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

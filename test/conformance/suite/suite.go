// Package suite reads a folder of YAML files into cases. Each case has the objects of a file, in the order of their creation,
// and the file's expectation of how its runs end.
package suite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Case is a file that has a run.
type Case struct {
	// Name is the file's path below the suite's folder.
	Name string
	// Objects are those of the file, and of the files without a run in its folder, in the order of their creation.
	Objects []*unstructured.Unstructured
	// Expect lists how the file's runs end if not with success. The first expectation that applies counts.
	Expect []Expectation
	// Needs are feature flags, with values, that the file requires.
	Needs map[string]string
}

// Expected returns how the runs end on a cluster with the given feature flags.
func (c Case) Expected(flags map[string]string) Expectation {
	for _, e := range c.Expect {
		if e.applies(flags) {
			return e
		}
	}
	return Expectation{}
}

// IsRun reports whether an object is a run.
func IsRun(obj *unstructured.Unstructured) bool { return rank(obj) == runs }

// Load returns the cases below dir, in the order of their names. A file without a run and without an expectation belongs to
// every case of its folder. Only files whose names match only become cases. extra are directives for files that must not be
// changed.
func Load(dir string, only *regexp.Regexp, extra Directives) ([]Case, error) {
	files, err := read(dir, extra)
	if err != nil {
		return nil, err
	}
	shared := map[string][]*unstructured.Unstructured{}
	for _, f := range files {
		if !f.isCase() {
			shared[filepath.Dir(f.name)] = append(shared[filepath.Dir(f.name)], f.objects...)
		}
	}
	var cases []Case
	found := false
	for _, f := range files {
		if !f.isCase() {
			continue
		}
		found = true
		if !only.MatchString(f.name) {
			continue
		}
		objects := make([]*unstructured.Unstructured, 0, len(f.objects))
		for _, obj := range slices.Concat(shared[filepath.Dir(f.name)], f.objects) {
			objects = append(objects, obj.DeepCopy())
		}
		slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return int(rank(a)) - int(rank(b)) })
		cases = append(cases, Case{Name: f.name, Objects: objects, Expect: f.comments.expect, Needs: f.comments.needs})
	}
	switch {
	case !found:
		return nil, fmt.Errorf("cannot find a YAML file with a TaskRun or a PipelineRun below %q", dir)
	case len(cases) == 0:
		return nil, fmt.Errorf("cannot find a file below %q whose name matches %q", dir, only)
	}
	return cases, nil
}

// read parses every YAML file below dir.
func read(dir string, extra Directives) ([]file, error) {
	var files []file
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path)) {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		f, err := parse(name, content, extra[name])
		if err != nil {
			return fmt.Errorf("cannot parse file %q: %w", path, err)
		}
		files = append(files, f)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot find the suite: %w", err)
	}
	return files, err
}

// order compares the times at which two objects are created.
type order int

const (
	surroundings order = iota
	tasks
	pipelines
	runs
)

// rank returns the position of a kind in the order of creation. Objects that runs use come first.
func rank(obj *unstructured.Unstructured) order {
	if obj.GroupVersionKind().Group != "tekton.dev" {
		return surroundings
	}
	switch obj.GetKind() {
	case "Task", "StepAction":
		return tasks
	case "Pipeline":
		return pipelines
	case "TaskRun", "PipelineRun":
		return runs
	default:
		return surroundings
	}
}

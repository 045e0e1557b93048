// Package manifestfile reads files of objects like kubectl: YAML with several documents, JSON, folders, and "-".
package manifestfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// chunk is how many bytes of a file are read to distinguish JSON from YAML.
const chunk = 4096

// Object is an object of a file.
type Object struct {
	// File of the object, as the user typed it.
	File string
	*unstructured.Unstructured
}

// Read reads the objects of files, in order. A folder means its .yaml, .yml and .json files; "-" is stdin. A file without an
// object is an error.
func Read(names []string, stdin io.Reader) ([]Object, error) {
	var all []Object
	for _, name := range names {
		some, err := readOne(name, stdin)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			return nil, clierror.New(fmt.Sprintf("%s contains no object", name))
		}
		all = append(all, some...)
	}
	return all, nil
}

func readOne(name string, stdin io.Reader) ([]Object, error) {
	if name == "-" {
		return decode("standard input", stdin)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, clierror.Hint(fmt.Errorf("cannot read file %q: %w", name, err), "give -f a file, a folder, or - for standard input")
	}
	if info.IsDir() {
		return readFolder(name)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read file %q: %w", name, err)
	}
	defer file.Close()
	return decode(name, file)
}

func readFolder(name string) ([]Object, error) {
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read folder %q: %w", name, err)
	}
	var all []Object
	for _, entry := range entries {
		if entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(entry.Name())) {
			continue
		}
		some, err := readOne(filepath.Join(name, entry.Name()), nil)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func decode(name string, r io.Reader) ([]Object, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(r, chunk)
	var all []Object
	for n := 1; ; n++ {
		content := map[string]any{}
		err := decoder.Decode(&content)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, clierror.Hint(fmt.Errorf("cannot read document %d of %s: %w", n, name, err), "sluice validate prints the line and column")
		}
		if len(content) == 0 {
			continue // an empty document
		}
		some, err := objects(name, n, content)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
}

// objects returns the items of a List.
func objects(name string, n int, content map[string]any) ([]Object, error) {
	u := &unstructured.Unstructured{Object: content}
	if u.GetKind() == "" || u.GetAPIVersion() == "" {
		return nil, clierror.New(fmt.Sprintf("document %d of %s has no apiVersion and kind", n, name),
			"such as apiVersion: tekton.dev/v1, kind: PipelineRun")
	}
	if !u.IsList() {
		return []Object{{name, u}}, nil
	}
	list, err := u.ToList()
	if err != nil {
		return nil, fmt.Errorf("cannot read document %d of %s: %w", n, name, err)
	}
	var all []Object
	for i := range list.Items {
		all = append(all, Object{name, &list.Items[i]})
	}
	return all, nil
}

package suite

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

// file is a YAML file.
type file struct {
	name     string
	objects  []*unstructured.Unstructured
	comments comments
}

// isCase reports whether the file is a case, and not only used by other files of its folder.
func (f file) isCase() bool {
	return len(f.comments.expect) > 0 || slices.ContainsFunc(f.objects, IsRun)
}

// parse reads the documents and the directives of a file. extra are additional directives.
func parse(name string, content []byte, extra []string) (file, error) {
	f := file{name: name}
	for _, line := range slices.Concat(extra, directive().FindAllString(string(content), -1)) {
		if err := f.comments.follow(line); err != nil {
			return file{}, err
		}
	}
	documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for i := 1; ; i++ {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return file{}, fmt.Errorf("cannot read document %d: %w", i, err)
		}
		obj, err := object(document)
		if err != nil {
			return file{}, fmt.Errorf("cannot read document %d: %w", i, err)
		}
		if obj != nil {
			f.objects = append(f.objects, obj)
		}
	}
}

// object parses one document. It returns nil for an empty document.
func object(document []byte) (*unstructured.Unstructured, error) {
	content := map[string]any{}
	if err := sigsyaml.Unmarshal(document, &content); err != nil {
		return nil, err
	}
	if len(content) == 0 {
		return nil, nil //nolint:nilnil // an empty document is neither an object nor an error
	}
	obj := &unstructured.Unstructured{Object: content}
	switch {
	case obj.GetAPIVersion() == "" || obj.GetKind() == "":
		return nil, errors.New("it has no apiVersion or no kind")
	case obj.GetNamespace() != "":
		return nil, fmt.Errorf("metadata.namespace: %q: each file gets its own namespace; remove the field", obj.GetNamespace())
	}
	return obj, nil
}

// Package content checks a definition that a resolver has fetched, before it becomes the answer to a request: it must be one
// document of a supported kind, and small when it is decoded.
package content

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v3"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/convert"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Memory is the memory in bytes that Check needs at most beside the text. See TestCheckMemory.
const Memory = 176 << 20

const (
	// maxDepth is the maximum depth of nested values. A pod template needs about 12.
	maxDepth = 64
	// maxNodes is the maximum number of values, with each alias counted as a copy of what it stands for.
	maxNodes = 200_000
	// maxExpanded is the maximum number of bytes of all values, counted in the same way.
	maxExpanded = 4 * resolvers.MaxContent
	// maxShown is the maximum number of bytes of a value in a message.
	maxShown = 100
)

// Check returns nil for one Task, Pipeline or StepAction of a supported version. The error is a *resolvers.Error.
func Check(text []byte) error {
	if err := check(text); err != nil {
		return resolvers.Failed(nil, "cannot use the definition: %v", err)
	}
	return nil
}

func check(text []byte) error {
	switch {
	case len(text) > resolvers.MaxContent:
		return fmt.Errorf("it has %d bytes, more than the limit of %d", len(text), resolvers.MaxContent)
	case !utf8.Valid(text):
		return errors.New("it is not UTF-8 text")
	case bytes.IndexByte(text, 0) >= 0:
		return errors.New("it is not text: it has a zero byte")
	}
	document, err := only(text)
	if err != nil {
		return err
	}
	if err := bounded(document); err != nil {
		return err
	}
	fields, err := identity(document)
	if err != nil {
		return err
	}
	return supported(fields["apiVersion"], fields["kind"])
}

// only returns the one document that is not empty.
func only(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var found *yaml.Node
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		switch {
		case errors.Is(err, io.EOF) && found == nil:
			return nil, errors.New("it is empty")
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			// The text of the parser's error may quote the definition.
			return nil, errors.New("it is not valid YAML")
		case node.Kind != yaml.DocumentNode || len(node.Content) != 1 || node.Content[0].Tag == "!!null":
			continue
		case found != nil:
			return nil, errors.New("it has several documents, want one; put each definition into its own file")
		}
		found = node.Content[0]
	}
}

// cost is what a value is when it is decoded.
type cost struct{ depth, nodes, bytes int }

// bounded returns an error for a document that is deep or large when it is decoded. It visits each node once.
func bounded(document *yaml.Node) error {
	w := walk{costs: map[*yaml.Node]cost{}, open: map[*yaml.Node]bool{}}
	_, err := w.measure(document, 1)
	return err
}

type walk struct {
	costs map[*yaml.Node]cost
	// open are the nodes in progress. An alias to one of them would be an endless value.
	open map[*yaml.Node]bool
}

func (w *walk) measure(node *yaml.Node, depth int) (cost, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if w.open[node] {
		return cost{}, fmt.Errorf("line %d: an anchor holds itself", node.Line)
	}
	known, ok := w.costs[node]
	if !ok {
		if depth > maxDepth {
			return cost{}, tooDeep(node)
		}
		w.open[node] = true
		known = cost{nodes: 1, bytes: len(node.Value)}
		for _, child := range node.Content {
			inner, err := w.measure(child, depth+1)
			if err != nil {
				return cost{}, err
			}
			known.depth = max(known.depth, inner.depth+1)
			known.nodes += inner.nodes
			known.bytes += inner.bytes
			if err := known.tooLarge(node); err != nil {
				return cost{}, err
			}
		}
		delete(w.open, node)
		w.costs[node] = known
	}
	if depth+known.depth > maxDepth {
		return cost{}, tooDeep(node)
	}
	return known, known.tooLarge(node)
}

func tooDeep(node *yaml.Node) error {
	return fmt.Errorf("line %d: values are nested in more than %d levels, the limit", node.Line, maxDepth)
}

func (c cost) tooLarge(node *yaml.Node) error {
	if c.nodes > maxNodes || c.bytes > maxExpanded {
		return fmt.Errorf("line %d: with its aliases it has more than %d values or %d bytes, the limits", node.Line, maxNodes, maxExpanded)
	}
	return nil
}

// identity returns the fields apiVersion and kind.
func identity(document *yaml.Node) (map[string]string, error) {
	if document.Kind != yaml.MappingNode {
		return nil, errors.New("it is not an object with apiVersion and kind")
	}
	fields := map[string]string{"apiVersion": "", "kind": ""}
	seen := map[string]bool{}
	for i := 0; i+1 < len(document.Content); i += 2 {
		name, value := document.Content[i].Value, document.Content[i+1]
		if seen[name] {
			return nil, fmt.Errorf("line %d: field %q occurs twice", document.Content[i].Line, truncate.Text(name, maxShown))
		}
		seen[name] = true
		if _, wanted := fields[name]; wanted && value.Kind == yaml.ScalarNode {
			fields[name] = value.Value
		}
	}
	return fields, nil
}

// supported returns an error for a kind or a version that runs cannot use.
func supported(apiVersion, kind string) error {
	versions := map[string][]string{
		v1.KindTask:            {v1.GroupVersion.String(), convert.V1beta1}, // the controller converts v1beta1
		v1.KindPipeline:        {v1.GroupVersion.String(), convert.V1beta1},
		v1beta1.KindStepAction: {v1beta1.GroupVersion.String(), v1.GroupName + "/v1alpha1"},
	}
	want, ok := versions[kind]
	group, version, _ := strings.Cut(apiVersion, "/")
	switch {
	case kind == "" || apiVersion == "":
		return errors.New("it has no apiVersion or no kind")
	case !ok || group != v1.GroupVersion.Group:
		return fmt.Errorf("it is a %q of %q, want a Task, a Pipeline or a StepAction of %s",
			truncate.Text(kind, maxShown), truncate.Text(apiVersion, maxShown), v1.GroupVersion.Group)
	case !slices.Contains(want, apiVersion):
		return fmt.Errorf("it is a %s of version %q, which is not supported; convert it to %s",
			kind, truncate.Text(version, maxShown), strings.Join(want, " or "))
	}
	return nil
}

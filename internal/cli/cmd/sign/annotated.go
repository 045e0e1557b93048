package sign

import (
	"errors"
	"fmt"
	"strings"

	yaml3 "go.yaml.in/yaml/v3"
)

// errShape is the error for a text in which no line can be added.
var errShape = errors.New("the annotation cannot be added to this text: write metadata and its annotations as block mappings, one key a " +
	"line, without anchors")

// annotated returns the text of a document with an annotation: a new line in its metadata, or another value of the annotation. All
// other lines stay as they are.
func annotated(text, key, value string) (string, error) {
	var root yaml3.Node
	if err := yaml3.Unmarshal([]byte(text), &root); err != nil {
		return "", fmt.Errorf("it is not YAML: %w", err)
	}
	if len(root.Content) != 1 {
		return "", errShape
	}
	_, metadata := entry(root.Content[0], "metadata")
	if !block(metadata) {
		return "", errShape
	}
	lines := strings.SplitAfter(text, "\n")
	annotationsKey, annotations := entry(metadata, "annotations")
	switch {
	case annotations == nil:
		first := metadata.Content[0]
		return inserted(lines, first.Line, indent(first)+"annotations:", indent(first)+"  "+key+": "+value), nil
	case none(annotations):
		return replaced(lines, annotationsKey.Line, indent(annotationsKey)+"annotations:", indent(annotationsKey)+"  "+key+": "+value)
	case !block(annotations):
		return "", errShape
	}
	if old, was := entry(annotations, key); old != nil {
		if was.Kind != yaml3.ScalarNode || was.Line != old.Line || was.Anchor != "" || was.Style&(yaml3.LiteralStyle|yaml3.FoldedStyle) != 0 {
			return "", errShape
		}
		return replaced(lines, old.Line, indent(old)+key+": "+value)
	}
	first := annotations.Content[0]
	return inserted(lines, first.Line, indent(first)+key+": "+value), nil
}

// entry returns the nodes of a key and of its value; nil if the mapping does not have it.
func entry(mapping *yaml3.Node, key string) (name, value *yaml3.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// block reports whether a node is a mapping with one key a line, to which a line can be added.
func block(n *yaml3.Node) bool {
	return n != nil && n.Kind == yaml3.MappingNode && n.Style&yaml3.FlowStyle == 0 && len(n.Content) > 0 && n.Anchor == ""
}

// none reports whether a node has no entries, as in `annotations: {}`.
func none(n *yaml3.Node) bool {
	return n.Anchor == "" && (n.Kind == yaml3.MappingNode && len(n.Content) == 0 || n.Kind == yaml3.ScalarNode && n.Tag == "!!null")
}

func indent(n *yaml3.Node) string { return strings.Repeat(" ", n.Column-1) }

// inserted returns the lines with others before the one with this number, which counts from 1.
func inserted(lines []string, before int, more ...string) string {
	end := endOf(lines[before-1])
	return strings.Join(lines[:before-1], "") + strings.Join(more, end) + end + strings.Join(lines[before-1:], "")
}

// replaced returns the lines with others in place of the one with this number. A comment at its end stays, at the end of the first
// one. The error is about a line with something else on it.
func replaced(lines []string, number int, by ...string) (string, error) {
	old := lines[number-1]
	if _, comment, found := strings.Cut(strings.TrimRight(old, "\r\n"), " #"); found {
		by[0] += " #" + comment
	}
	return strings.Join(lines[:number-1], "") + strings.Join(by, endOf(old)) + endOf(old) + strings.Join(lines[number:], ""), nil
}

// endOf returns the end of a line: that of Windows, if the line has it.
func endOf(line string) string {
	if strings.HasSuffix(line, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

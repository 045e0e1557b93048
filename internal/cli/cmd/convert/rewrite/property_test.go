package rewrite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml3 "go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
)

// TestFileKeepsTheMeaning converts generated objects in generated layouts. The text must mean what internal/convert makes of the
// object, a second conversion must change nothing, and no comment may be lost.
func TestFileKeepsTheMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t}
		text := g.file()
		r := File("f.yaml", []byte(text))
		if len(r.Failures) > 0 {
			t.Fatalf("cannot convert:\n%s\nin\n%s", lines(r), text)
		}
		before, after := parsed(t, text), parsed(t, string(r.Text))
		if len(after) != len(before) {
			t.Fatalf("want %d documents, got %d:\n%s\nof\n%s", len(before), len(after), r.Text, text)
		}
		for i := range before {
			want := before[i].JSON
			kind, apiVersion := typeOf(t, want)
			if what, _ := standingOf(apiVersion, kind); what == old {
				object, _, err := converted(want, kind)
				if err != nil {
					t.Fatal(err)
				}
				if want, err = json.Marshal(object); err != nil {
					t.Fatal(err)
				}
			}
			wanted, _ := decode(want)
			got, _ := decode(after[i].JSON)
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Fatalf("document %d has another meaning:\n%s\n%s\nof\n%s", i, diff, r.Text, text)
			}
		}
		if again := File("f.yaml", r.Text); again.Changed() || len(again.Failures) > 0 || !bytes.Equal(again.Text, r.Text) {
			t.Fatalf("the second conversion changes the text:\n%s\n%s", lines(again), r.Text)
		}
		for i := range g.comments {
			if comment := comment(i); strings.Contains(text, comment) && !strings.Contains(string(r.Text), comment) {
				t.Fatalf("lost %q:\n%s\nof\n%s", comment, r.Text, text)
			}
		}
	})
}

func parsed(t *rapid.T, text string) []document.Document {
	documents, errs := document.Parse("f.yaml", []byte(text))
	if len(errs) > 0 {
		t.Fatalf("%v:\n%s", errs, text)
	}
	return documents
}

func typeOf(t *rapid.T, raw []byte) (kind, apiVersion string) {
	object, err := decodeObject(raw)
	if err != nil {
		t.Fatal(err)
	}
	kind, _ = object["kind"].(string)
	apiVersion, _ = object["apiVersion"].(string)
	return kind, apiVersion
}

// generator writes files with objects of v1beta1.
type generator struct {
	t *rapid.T
	// comments is the number of comments in the file.
	comments int
}

func comment(i int) string { return fmt.Sprintf("# comment %d.", i) }

func (g *generator) chance(percent int) bool {
	return rapid.IntRange(1, 100).Draw(g.t, "chance") <= percent
}

// file returns documents in block style, in flow style, or as JSON.
func (g *generator) file() string {
	var b strings.Builder
	for i := range rapid.IntRange(1, 3).Draw(g.t, "documents") {
		if i > 0 || g.chance(50) {
			b.WriteString("---\n")
		}
		node := g.object()
		if g.chance(20) {
			b.WriteString(g.asJSON(node))
			continue
		}
		g.decorate(node)
		encoder := yaml3.NewEncoder(&b)
		encoder.SetIndent(rapid.SampledFrom([]int{2, 4}).Draw(g.t, "indent"))
		if err := encoder.Encode(node); err != nil {
			g.t.Fatal(err)
		}
	}
	return b.String()
}

func (g *generator) asJSON(node *yaml3.Node) string {
	var value any
	if err := node.Decode(&value); err != nil {
		g.t.Fatal(err)
	}
	text, err := json.MarshalIndent(value, "", rapid.SampledFrom([]string{"", " ", "    "}).Draw(g.t, "layout"))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(text) + "\n"
}

func (g *generator) object() *yaml3.Node {
	kind := rapid.SampledFrom([]string{"Task", "Pipeline", "TaskRun", "PipelineRun", "ConfigMap"}).Draw(g.t, "kind")
	version := "tekton.dev/v1beta1"
	if kind == "ConfigMap" {
		version = "v1"
	}
	specs := map[string]func() *yaml3.Node{
		"Task": g.taskSpec, "Pipeline": g.pipelineSpec, "TaskRun": g.taskRunSpec, "PipelineRun": g.pipelineRunSpec, "ConfigMap": g.any,
	}
	return g.mapping("apiVersion", g.text(version), "kind", g.text(kind), "metadata", g.some(
		"name", g.text("a"), "labels", g.any(),
	), "spec", specs[kind]())
}

func (g *generator) taskSpec() *yaml3.Node {
	return g.some("description", g.any(), "steps", g.list(g.step), "stepTemplate", g.step(), "sidecars", g.list(g.sidecar), "params", g.any())
}

func (g *generator) step() *yaml3.Node {
	return g.some("image", g.any(), "stdin", g.any(), "livenessProbe", g.any(), "resources", g.any(), "script", g.any(), "tty", g.any())
}

// decorate adds comments to the entries of a block. Entries that are removed get none.
func (g *generator) decorate(n *yaml3.Node) {
	if n.Style&yaml3.FlowStyle != 0 {
		return
	}
	if n.Kind != yaml3.MappingNode {
		for _, element := range n.Content {
			g.decorate(element)
		}
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Value == "stdin" || key.Value == "livenessProbe" || key.Value == "tty" {
			continue
		}
		if g.chance(20) {
			key.HeadComment = comment(g.comments)
			g.comments++
		}
		if value.Kind == yaml3.ScalarNode && value.Style&yaml3.LiteralStyle == 0 && g.chance(10) {
			value.LineComment = comment(g.comments)
			g.comments++
		}
		g.decorate(value)
	}
}

func (g *generator) sidecar() *yaml3.Node {
	return g.some("name", g.any(), "resources", g.any(), "tty", g.any())
}

func (g *generator) pipelineSpec() *yaml3.Node {
	return g.some("tasks", g.list(func() *yaml3.Node {
		return g.some("name", g.any(), "taskSpec", g.taskSpec(), "timeout", g.any(), "taskRef", g.some("name", g.any()))
	}), "params", g.any())
}

func (g *generator) override() *yaml3.Node { return g.some("name", g.any(), "resources", g.any()) }

func (g *generator) taskRunSpec() *yaml3.Node {
	return g.some("taskSpec", g.taskSpec(), "stepOverrides", g.list(g.override), "podTemplate", g.any(),
		"sidecarOverrides", g.list(g.override), "timeout", g.any())
}

func (g *generator) pipelineRunSpec() *yaml3.Node {
	return g.some("podTemplate", g.any(), "params", g.any(), "pipelineSpec", g.pipelineSpec(), "serviceAccountName", g.any(),
		"timeout", g.any(), "taskRunSpecs", g.list(func() *yaml3.Node {
			return g.some("pipelineTaskName", g.any(), "taskPodTemplate", g.any(), "taskServiceAccountName", g.any(),
				"stepOverrides", g.list(g.override))
		}))
}

// some returns a mapping with some of the fields, in any order.
func (g *generator) some(fields ...any) *yaml3.Node {
	var kept []any
	order := rapid.Permutation(indices(len(fields)/2)).Draw(g.t, "order")
	for _, i := range order {
		if g.chance(70) {
			kept = append(kept, fields[2*i], fields[2*i+1])
		}
	}
	return g.mapping(kept...)
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func (g *generator) mapping(fields ...any) *yaml3.Node {
	n := &yaml3.Node{Kind: yaml3.MappingNode, Tag: "!!map"}
	for i := 0; i < len(fields); i += 2 {
		key := g.text(fields[i].(string))
		n.Content = append(n.Content, key, fields[i+1].(*yaml3.Node))
	}
	if len(fields) == 0 || g.chance(10) {
		n.Style = yaml3.FlowStyle
	}
	return n
}

func (g *generator) list(of func() *yaml3.Node) *yaml3.Node {
	n := &yaml3.Node{Kind: yaml3.SequenceNode, Tag: "!!seq"}
	for range rapid.IntRange(0, 3).Draw(g.t, "elements") {
		n.Content = append(n.Content, of())
	}
	return n
}

// text returns a short text in any style.
func (g *generator) text(value string) *yaml3.Node {
	styles := []yaml3.Style{0, 0, 0, yaml3.DoubleQuotedStyle, yaml3.SingleQuotedStyle}
	if strings.ContainsAny(value, "\n\t\u2028") { // the encoder would write blocks of text that are not YAML
		styles = []yaml3.Style{yaml3.DoubleQuotedStyle}
	}
	return &yaml3.Node{Kind: yaml3.ScalarNode, Tag: "!!str", Value: value, Style: rapid.SampledFrom(styles).Draw(g.t, "style")}
}

// any returns any value.
func (g *generator) any() *yaml3.Node {
	switch rapid.IntRange(0, 5).Draw(g.t, "type") {
	case 0:
		return &yaml3.Node{Kind: yaml3.ScalarNode, Tag: "!!int", Value: "12"}
	case 1:
		return g.list(func() *yaml3.Node { return g.text("element") })
	case 2:
		return g.mapping("resources", g.text("x"), "tty", g.text("y"))
	case 3:
		return &yaml3.Node{Kind: yaml3.ScalarNode, Tag: "!!str", Style: yaml3.LiteralStyle, Value: "#!/bin/sh\n\n# resources:\n  tty: 1\n\n"}
	default:
		return g.text(rapid.StringOf(rapid.SampledFrom([]rune("ab #:'\"{}[],&*-|\n\tü\u2028\\"))).Draw(g.t, "text"))
	}
}

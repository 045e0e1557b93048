package draw_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/draw"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func plain(_ terminal.Color, text string) string { return text }

func graphs() map[string]model.Graph {
	return map[string]model.Graph{
		"chain": {
			Title: "Task/build",
			Nodes: []model.Node{{Name: "fetch", Note: "git"}, {Name: "compile"}, {Name: "test"}},
			Edges: []model.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
		},
		"run": {
			Title: "PipelineRun/release-x7k2p", State: runs.Failed,
			Nodes: []model.Node{
				{Name: "make-sbom", State: runs.Succeeded, Note: "4.1s"},
				{Name: "check-sbom", State: runs.Succeeded, Note: "2.0s"},
				{Name: "scan", State: runs.Failed, Note: "12s", Runs: 3},
				{Name: "report", State: runs.Skipped},
				{Name: "publish", State: runs.Running, Note: "1m03s"},
				{Name: "clean-up", State: runs.Waiting, Finally: true},
				{Name: "tell", State: runs.Cancelled, Finally: true},
			},
			Edges: []model.Edge{
				{From: 0, To: 1, Results: []model.Result{{Name: "sbom", Size: 1 << 20}, {Name: "digest", Size: 71}}},
				{From: 0, To: 2, Results: []model.Result{{Name: "sbom", Size: -1}}},
				{From: 1, To: 3, Results: []model.Result{{Name: "summary", Size: 4096}}},
				{From: 2, To: 3},
				{
					From:    0,
					To:      4,
					Results: []model.Result{{Name: "a", Size: 1}, {Name: "b", Size: 2}, {Name: "c", Size: 3}, {Name: "d", Size: 4}, {Name: "e", Size: 5}},
				},
				{From: 3, To: 4}, {From: 4, To: 5, After: true}, {From: 4, To: 6, After: true},
			},
		},
		"hostile": {
			Title: "Pipeline/<script>alert(\"1\")</script>",
			Nodes: []model.Node{{Name: "a\"]; evil [label=\"x", Note: "\x1b[31m<b>&"}, {Name: "`|b|`"}},
			Edges: []model.Edge{{
				From:    0,
				To:      1,
				Results: []model.Result{{Name: "\"|<img src=x>", Size: 5}, {Name: strings.Repeat("long-", 20), Size: 1 << 20}},
			}},
		},
		"empty": {Title: "Pipeline/nothing"},
	}
}

func TestGolden(t *testing.T) {
	formats := map[string]func(model.Graph) string{
		"svg": draw.SVG, "dot": draw.DOT, "mmd": draw.Mermaid,
		"txt":        func(g model.Graph) string { return draw.Text(g, 0, plain) },
		"narrow.txt": func(g model.Graph) string { return draw.Text(g, 20, plain) },
	}
	for name, g := range graphs() {
		for ext, write := range formats {
			t.Run(name+"."+ext, func(t *testing.T) {
				golden, got := filepath.Join("testdata", name+"."+ext), write(g)
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
}

// TestSVGIsXML: names are escaped, and the image loads no other files.
func TestSVGIsXML(t *testing.T) {
	for name, g := range graphs() {
		image := draw.SVG(g)
		decoder := xml.NewDecoder(strings.NewReader(image))
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if start, ok := token.(xml.StartElement); ok &&
				(start.Name.Local == "script" || start.Name.Local == "img" || start.Name.Local == "image") {
				t.Errorf("%s: an element %s", name, start.Name.Local)
			}
		}
		if strings.Contains(strings.ReplaceAll(image, "http://www.w3.org/2000/svg", ""), "http") {
			t.Errorf("%s: the image refers to something elsewhere", name)
		}
	}
}

// TestColors: each text has the color of its state.
func TestColors(t *testing.T) {
	got := draw.Text(graphs()["run"], 0, func(c terminal.Color, text string) string { return "<" + string(c) + ">" + text })
	if !strings.Contains(got, "<31>✗ scan × 3  12s") || !strings.Contains(got, "<32>✓ make-sbom  4.1s") {
		t.Errorf("want states in their colors, got\n%s", got)
	}
}

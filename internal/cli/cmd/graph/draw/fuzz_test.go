package draw_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/draw"
	"github.com/sluice-ci/sluice/internal/cli/cmd/graph/model"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// FuzzGraph: any pipeline and any task, valid or not, can be drawn, and the image is valid.
func FuzzGraph(f *testing.F) {
	f.Add("title", []byte(`{"tasks":[{"name":"a"},{"name":"b","runAfter":["a"]},{"name":"c","params":[{"name":"p",`+
		`"value":"$(tasks.a.results.r)"}]}],"finally":[{"name":"d"}]}`))
	f.Add("<script>\x00", []byte(`{"tasks":[{"name":"a","runAfter":["a","b"]},{"name":"a"},{"name":"","runAfter":["","]]>"]}]}`))
	f.Add("\xff", []byte(`{"steps":[{"name":"\u0001"},{"name":"b"}]}`))
	plain := func(_ terminal.Color, text string) string { return text }
	f.Fuzz(func(t *testing.T, title string, data []byte) {
		var graphs []model.Graph
		var pipeline v1.PipelineSpec
		if json.Unmarshal(data, &pipeline) == nil && len(pipeline.Tasks)+len(pipeline.Finally) < 50 {
			graphs = append(graphs, model.OfPipeline(title, &pipeline))
		}
		var task v1.TaskSpec
		if json.Unmarshal(data, &task) == nil && len(task.Steps) < 50 {
			graphs = append(graphs, model.OfTask(title, &task))
		}
		for _, g := range graphs {
			draw.DOT(g)
			draw.Mermaid(g)
			draw.Text(g, 80, plain)
			wellFormed(t, draw.SVG(g))
		}
	})
}

func wellFormed(t *testing.T, image string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(image))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("no XML: %v: %s", err, image)
		}
	}
}

package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/record"
)

var update = flag.Bool("update", false, "update the golden files")

// measured returns a file with some of every kind of measurement.
func measured(t *testing.T) *record.File {
	t.Helper()
	row := func(name string) load.Row {
		rows, err := load.Select(name)
		if err != nil {
			t.Fatal(err)
		}
		return rows[0]
	}
	hops := map[string]float64{
		record.Sandbox:        0.4,
		record.FirstContainer: 0.5,
		record.LastContainer:  0.8,
		record.Logged:         0.82,
		record.Arrived:        0.84,
	}
	return &record.File{
		Machine: record.Machine{Processors: 2, Memory: 24 << 30, Kubernetes: "v1.37.2", Runtime: "containerd://2.4.2"},
		Batches: []record.Batch{
			{
				Row: row("pod"), Mode: load.BarePods, Wall: 5, Machine: 2, LogBytes: 42,
				Runs: []record.Run{{Pod: 0.01, Started: 0.5, Ended: 0.7, Line: 0.75, Done: 2.5}},
			},
			{
				Row:        row("seq"),
				Mode:       load.SidecarLogs,
				Wall:       5,
				Machine:    3,
				Controller: 0.06,
				Peak:       50 << 20,
				Calls:      map[string]int{"GET": 4, "PATCH": 6},
				LogBytes:   945,
				API:        map[string]int{"PATCH taskruns/status": 6, "GET seldom": 1},
				Runs:       []record.Run{{Pod: 0.02, Started: 0.5, Ended: 0.7, Done: 0.9}, {Pod: 0.04, Started: 0.6, Ended: 0.9, Done: 1.1}},
			},
			{
				Row: row("seq"), Mode: load.SidecarLogs, Wall: 3, Machine: 3, Controller: 0.03, Peak: 60 << 20, Dispatched: 5, LogBytes: 946,
				API:  map[string]int{"PATCH taskruns/status": 3},
				Runs: []record.Run{{Pod: 0.03, Started: 0.7, Ended: 0.8, Done: 1}},
			},
			{
				Row: row("timeline"), Mode: load.SidecarLogs, Wall: 2, Machine: 1, Controller: 0.03, Peak: 60 << 20, LogBytes: 946,
				Runs: []record.Run{{Pod: 0.02, Scheduled: 0.03, Started: 0.45, Ended: 0.7, Done: 0.87, PodEnded: 2.5, Hops: hops}},
			},
			{
				Row: row("burst20"), Mode: load.SidecarLogs, Wall: 49.2, Machine: 104, Controller: 1.3, Peak: 60 << 20, Pipelines: []float64{40, 48},
				Runs: []record.Run{{Pod: 0.4, Started: 20, Ended: 30, Done: 39}, {Pod: 0.6, Started: 25, Ended: 30, Done: 48}},
			},
			{
				Row: row("held"), Mode: load.SidecarLogs, Wall: 90, Machine: 150, Controller: 4, Peak: 105 << 20, LogBytes: 1_010_000,
				Runs: []record.Run{{Pod: 0.01, Started: 1, Ended: 1.2, Done: 2}},
				Held: &record.Held{Runs: 200, Resident: 93 << 20, RestartPeak: 68 << 20, RestartResident: 67 << 20},
			},
		},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestText(t *testing.T) {
	var text bytes.Buffer
	if err := Text(&text, Lines(measured(t))); err != nil {
		t.Fatal(err)
	}
	golden(t, "tables.txt", text.Bytes())
}

func TestDocs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(path, []byte("before\n"+begin+"old\n"+finish+"after\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Docs(path, measured(t)); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "block.md", document)
	for _, name := range []string{"distribution.svg", "size.svg", "runs.svg", "timeline.svg"} {
		picture, err := os.ReadFile(filepath.Join(filepath.Dir(path), "performance", name))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, picture)
	}
}

func TestDocsWithoutMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	const document = "nothing to replace\n"
	if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Docs(path, measured(t)); err == nil {
		t.Error("no error for a document without marks")
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != document {
		t.Errorf("the document must not change: got %q, %v", after, err)
	}
}

func TestReportWithoutMeasurements(t *testing.T) {
	if got := Pictures(nil); len(got) != 0 {
		t.Errorf("%d pictures without measurements", len(got))
	}
	var text bytes.Buffer
	if err := Text(&text, nil); err != nil || text.Len() != 0 {
		t.Errorf("output without measurements: %q, %v", text.String(), err)
	}
}

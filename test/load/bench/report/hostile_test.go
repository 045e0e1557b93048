package report

import (
	"bytes"
	"testing"

	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/record"
)

// TestHostile: the tables name each object with its answers, and the measured values beside their limits.
func TestHostile(t *testing.T) {
	rows, err := load.Select("hostile")
	if err != nil {
		t.Fatal(err)
	}
	file := &record.File{Batches: []record.Batch{{
		Row: rows[0], Mode: load.SidecarLogs, Wall: 3, Peak: 200 << 20,
		Hostile: &record.Hostile{Admitted: 0.25, Done: 2.5, Flood: "Failed", FloodBytes: 89_000_000, Objects: []record.HostileObject{
			{Name: "a", What: "much of a", Bytes: 1_400_000, Webhooks: 0.15, Bare: record.Answer{Seconds: 0.1}, Alone: record.Answer{
				Seconds: 0.4,
				Refused: "why",
			}, DryRun: record.Answer{Seconds: 0.5, Refused: "why"}, Create: record.Answer{Seconds: 0.75, Refused: "why"}},
			{
				Name:   "b",
				What:   "much of b",
				Bytes:  900_000,
				DryRun: record.Answer{Seconds: 10, Refused: "late", Unanswered: true},
				Create: record.Answer{Seconds: 0.3},
			},
		}},
	}}}
	var text bytes.Buffer
	if err := Text(&text, Lines(file)); err != nil {
		t.Fatal(err)
	}
	golden(t, "hostile.txt", text.Bytes())
}

package rewrite

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected results")

// TestFile converts the file "before" of each archive in testdata. "after" is its new text, and "report" has the remarks.
func TestFile(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("cannot find testdata: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			before := archive.Files[0].Data
			r := File("f.yaml", before)
			got := []txtar.File{archive.Files[0], {Name: "after", Data: r.Text}, {Name: "report", Data: []byte(lines(r))}}
			if len(r.Failures) > 0 && !bytes.Equal(r.Text, before) {
				t.Error("a file with a failure must not change")
			}
			if again := File("f.yaml", r.Text); len(r.Failures) == 0 && (again.Changed() || !bytes.Equal(again.Text, r.Text)) {
				t.Errorf("converted twice, the file changes again:\n%s", lines(again))
			}
			if *update {
				archive.Files = got
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := string(txtar.Format(archive))
			if diff := cmp.Diff(want, string(txtar.Format(&txtar.Archive{Comment: archive.Comment, Files: got}))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func lines(r Result) string {
	var b strings.Builder
	for _, of := range []struct {
		severity string
		remarks  []Remark
	}{{"", r.Changes}, {"note: ", r.Notes}, {"error: ", r.Failures}} {
		for _, m := range of.remarks {
			b.WriteString(of.severity + m.String() + "\n")
		}
	}
	return b.String()
}

package table

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

func TestGrid(t *testing.T) {
	g := NewGrid("NAME", "SIZE", "NOTE")
	g.Add(Text("a"), Number("5 B"), Painted(terminal.Green, "fine"))
	g.Add(Text("größe"), Number("1000 B"), Text(""))
	g.Add(Text("x\x1b[2J\ny"), Number(""), Text("last"))
	const want = `NAME        SIZE   NOTE
a            5 B   fine
größe     1000 B   -
x�[2J y        -   last
`
	var b bytes.Buffer
	if err := g.Write(&b, terminal.Plain(nil, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("columns are aligned, an empty cell can be seen, and no text moves the cursor (-want +got):\n%s", diff)
	}
}

// TestGridOfWideCharacters: names may have characters of two columns. They shifted the next columns.
func TestGridOfWideCharacters(t *testing.T) {
	g := NewGrid("NAME", "NOTE")
	g.Add(Text("結果"), Text("a"))
	g.Add(Text("result"), Text("b"))
	const want = `NAME     NOTE
結果     a
result   b
`
	var b bytes.Buffer
	if err := g.Write(&b, terminal.Plain(nil, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("columns are aligned as a terminal shows them (-want +got):\n%s", diff)
	}
}

func TestFormats(t *testing.T) {
	object := map[string]string{"a": "x<y"}
	table := func(w io.Writer) error { _, err := io.WriteString(w, "table\n"); return err }
	for format, want := range map[Format]string{JSON: "{\n  \"a\": \"x<y\"\n}\n", YAML: "a: x<y\n", Table: "table\n"} {
		var b bytes.Buffer
		if err := format.Write(&b, object, table); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("-o %s (-want +got):\n%s", format, diff)
		}
	}
	var f Format
	c := &cobra.Command{}
	f.Register(c)
	if f != Table {
		t.Errorf("want the table by default, got %q", f)
	}
	if err := c.ParseFlags([]string{"-o", "wide"}); err == nil {
		t.Error("a format that there is not must be refused")
	}
	if err := c.ParseFlags([]string{"-o", "json"}); err != nil || f != JSON {
		t.Errorf("json is a format: %v", errors.Join(err))
	}
}

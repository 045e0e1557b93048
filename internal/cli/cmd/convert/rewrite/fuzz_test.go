package rewrite

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzFile: any text is converted or refused. A refused text does not change, and a second conversion changes nothing.
func FuzzFile(f *testing.F) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("cannot find testdata: %v", err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Add([]byte("\uFEFFapiVersion: tekton.dev/v1beta1\nkind: Task\nspec: {steps: [{? tty : x, resources: }]}"))
	f.Add([]byte("{apiVersion: tekton.dev/v1beta1, kind: TaskRun, spec: &a {stepOverrides: [*a]}}"))
	f.Add([]byte("apiVersion: tekton.dev/v1beta1\nkind: PipelineRun\nspec:\n  ? timeout\n  : 1h\n" +
		"  podTemplate: &a !!map\n    x: |+1\n     y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		r := File("f.yaml", text)
		if !bytes.Equal(text, before) {
			t.Fatal("the text of the caller has changed")
		}
		if len(r.Failures) > 0 || !r.Changed() {
			if !bytes.Equal(r.Text, before) {
				t.Errorf("want the text unchanged, got %q", r.Text)
			}
			return
		}
		if again := File("f.yaml", r.Text); again.Changed() || len(again.Failures) > 0 {
			t.Errorf("want nothing more to change in %q, got\n%s", r.Text, lines(again))
		}
	})
}

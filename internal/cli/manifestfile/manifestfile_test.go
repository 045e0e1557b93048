package manifestfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"two.yaml":   "apiVersion: v1\nkind: A\nmetadata: {name: one}\n---\n# nothing\n---\napiVersion: v1\nkind: A\nmetadata: {name: two}\n",
		"list.json":  `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"A","metadata":{"name":"three"}}]}`,
		"notes.txt":  "not this one",
		"empty.yml":  "# nothing\n---\n",
		"kind.yaml~": "kind: A\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		reason string
		names  []string
		stdin  string
		want   string
		bad    string
	}{
		"Documents": {
			reason: "Each document is an object; one without anything in it is none.",
			names:  []string{"two.yaml"},
			want:   "one two",
		},
		"List": {
			reason: "A List is taken apart.",
			names:  []string{"list.json"},
			want:   "three",
		},
		"Folder": {
			reason: "A folder is its YAML and JSON files, in the order of their names.",
			names:  []string{"."},
			want:   "three one two",
		},
		"Stdin": {
			reason: "- is standard input.",
			names:  []string{"-"},
			stdin:  "{apiVersion: v1, kind: A, metadata: {name: in}}",
			want:   "in",
		},
		"Empty": {
			reason: "A file without an object is a mistake.",
			names:  []string{"empty.yml"},
			bad:    "contains no object",
		},
		"No kind": {
			reason: "An object has a kind.",
			names:  []string{"kind.yaml~"},
			bad:    "has no apiVersion and kind",
		},
		"No YAML": {
			reason: "What cannot be read is named by file and document.",
			names:  []string{"-"},
			stdin:  "a: [",
			bad:    "cannot read document 1 of standard input",
		},
		"No file": {
			reason: "A file that there is not is named.",
			names:  []string{"nowhere"},
			bad:    "cannot read file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			names := make([]string, len(tc.names))
			for i, n := range tc.names {
				if names[i] = n; n != "-" {
					names[i] = filepath.Join(folder, n)
				}
			}
			objects, err := Read(names, strings.NewReader(tc.stdin))
			if tc.bad != "" {
				if err == nil || !strings.Contains(err.Error(), tc.bad) {
					t.Errorf("%s got %v, want %q", tc.reason, err, tc.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, o := range objects {
				got = append(got, o.GetName())
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

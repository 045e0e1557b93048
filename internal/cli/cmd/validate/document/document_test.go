package document_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
)

const file = `# A comment.
kind: Task
metadata:
  annotations:
    sluice.dev/results-from: sidecar-logs
spec:
  steps:
  - name: a
    image: busybox
    env: &env
    - name: X
      value: "1"
  - name: b
    env: *env
    extra.dotted:
      key: 5
---
# Nothing.
---
kind: Pipeline
base: &base
  deep: 1
other:
  <<: *base
`

func parse(t *testing.T, text string) []document.Document {
	t.Helper()
	documents, errs := document.Parse("f.yaml", []byte(text))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return documents
}

func TestAt(t *testing.T) {
	documents := parse(t, file)
	if len(documents) != 2 {
		t.Fatalf("a document without anything in it is none; want 2, got %d", len(documents))
	}
	cases := map[string]struct {
		reason   string
		document int
		path     string
		want     string
	}{
		"Value": {
			reason: "a text stands behind its key",
			path:   "spec.steps[0].image",
			want:   "f.yaml:9:12",
		},
		"List": {
			reason: "a list begins at its key",
			path:   "spec.steps",
			want:   "f.yaml:7:3",
		},
		"Element": {
			reason: "an element begins behind its dash",
			path:   "spec.steps[1]",
			want:   "f.yaml:13:5",
		},
		"KeyOfMap": {
			reason: "keys of maps stand in brackets and can hold dots",
			path:   "metadata.annotations[sluice.dev/results-from]",
			want:   "f.yaml:5:30",
		},
		"DottedKey": {
			reason: "a key with a dot in it is one key",
			path:   "spec.steps[1].extra.dotted.key",
			want:   "f.yaml:16:12",
		},
		"Alias": {
			reason: "what an alias stands for is where it was written",
			path:   "spec.steps[1].env[0].value",
			want:   "f.yaml:12:14",
		},
		"Missing": {
			reason: "what is not there is missing in what would hold it",
			path:   "spec.steps[1].image",
			want:   "f.yaml:13:5",
		},
		"MissingIndex": {
			reason: "likewise an element",
			path:   "spec.steps[7].image",
			want:   "f.yaml:7:3",
		},
		"SecondOne": {
			reason:   "lines count from the beginning of the file",
			document: 1,
			path:     "kind",
			want:     "f.yaml:20:7",
		},
		"Merged": {
			reason:   "what is taken over from another mapping is where it was written",
			document: 1,
			path:     "other.deep",
			want:     "f.yaml:22:9",
		},
		"Nothing": {
			reason:   "the whole document begins with its first key",
			document: 1,
			want:     "f.yaml:20:1",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := documents[tc.document].At(tc.path).String(); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

func TestKeyAt(t *testing.T) {
	if got := parse(t, file)[0].KeyAt("spec.steps[0].image").String(); got != "f.yaml:9:5" {
		t.Errorf("want the place of the name, got %s", got)
	}
}

func TestJSON(t *testing.T) {
	got := string(parse(t, "answer: yes\nn: 010\n")[0].JSON)
	if want := `{"answer":true,"false":8}`; got != want {
		t.Errorf("YAML is read as kubectl reads it: want %s, got %s", want, got)
	}
}

func TestSyntaxError(t *testing.T) {
	documents, errs := document.Parse("f.yaml", []byte("a: 1\n---\nb: c: d\n---\ne: 2\n"))
	if len(documents) != 2 || len(errs) != 1 {
		t.Fatalf("what can be read is read; want 2 documents and 1 error, got %d and %v", len(documents), errs)
	}
	found, ok := errors.AsType[*document.SyntaxError](errs[0])
	if want := (document.Place{File: "f.yaml", Line: 3, Column: 1}); !ok || found.Place != want {
		t.Errorf("want an error at %s, got %v", want, errs[0])
	}
}

func TestDuplicates(t *testing.T) {
	got := parse(t, "a: 1\nb:\n- c: 1\n  c: 2\n")[0].Duplicates()
	want := []document.Duplicate{{Place: document.Place{File: "f.yaml", Line: 4, Column: 3}, Key: "c"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

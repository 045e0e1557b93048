package artifacts_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results/artifacts"
)

// image is an artifact with one value.
func image(name string) artifacts.Artifact {
	return artifacts.Artifact{Name: name, Values: []artifacts.Value{{URI: "pkg:oci/" + name, Digest: map[string]string{"sha256": "01"}}}}
}

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		want   artifacts.Document
		// err is a part of the error, and line and column its place.
		err          string
		line, column int
	}{
		"Whole": {
			reason: "All fields are read.",
			text: `{"inputs":[{"name":"source","values":[{"uri":"pkg:git/s","digest":{"sha1":"02","sha256":"03"}}]}],
				"outputs":[{"name":"image","buildOutput":true,"values":[{"uri":"pkg:oci/image","digest":{"sha256":"01"}},{"uri":"b"}]}]}`,
			want: artifacts.Document{
				Inputs: []artifacts.Artifact{{
					Name:   "source",
					Values: []artifacts.Value{{URI: "pkg:git/s", Digest: map[string]string{"sha1": "02", "sha256": "03"}}},
				}},
				Outputs: []artifacts.Artifact{{
					Name: "image", BuildOutput: true,
					Values: []artifacts.Value{{URI: "pkg:oci/image", Digest: map[string]string{"sha256": "01"}}, {URI: "b"}},
				}},
			},
		},
		"Nothing": {
			reason: "A document may have no artifacts.",
			text:   ` {} `,
		},
		"Null": {
			reason: "Programs write null for a list without elements.",
			text:   `{"inputs":null,"outputs":[{"name":"a","values":null,"buildOutput":null}]}`,
			want:   artifacts.Document{Outputs: []artifacts.Artifact{{Name: "a"}}},
		},
		"NullValue": {
			reason: "The fields of a value may be null, too.",
			text:   `{"outputs":[{"name":"a","values":[{"uri":null,"digest":null}]}]}`,
			want:   artifacts.Document{Outputs: []artifacts.Artifact{{Name: "a", Values: []artifacts.Value{{}}}}},
		},
		"UnknownFields": {
			reason: "A field that is not known is ignored, whatever it has.",
			text:   `{"more":{"inputs":[1]},"outputs":[{"name":"a","size":1,"values":[{"uri":"u","more":[{}]}]}]}`,
			want:   artifacts.Document{Outputs: []artifacts.Artifact{{Name: "a", Values: []artifacts.Value{{URI: "u"}}}}},
		},
		"Empty": {
			reason: "An empty file is not a document.",
			text:   "",
			err:    "it ends before the document is complete",
			line:   1,
			column: 1,
		},
		"Cut": {
			reason: "A file that ends early is not read as one with fewer artifacts.",
			text:   "{\"outputs\":[\n{\"name\":\"a\"}",
			err:    "it ends before the document is complete",
			line:   2,
			column: 13,
		},
		"NotJSON": {
			reason: "The message has the place, and what was found.",
			text:   "{\n  \"outputs\": image\n}",
			err:    "it is not JSON: invalid character 'i'",
			line:   2,
			column: 14,
		},
		"Trailing": {
			reason: "A file has one document.",
			text:   "{}\n{}",
			err:    "something follows the document",
			line:   2,
			column: 2,
		},
		"List": {
			reason: "A document is an object.",
			text:   `[{"name":"a"}]`,
			err:    "the document is not an object",
			line:   1,
			column: 2,
		},
		"NullDocument": {
			reason: "A document is not null.",
			text:   `null`,
			err:    "the document is null, and must be an object",
			line:   1,
			column: 5,
		},
		"ObjectForList": {
			reason: "A forgotten list is named.",
			text:   `{"outputs":{"name":"a"}}`,
			err:    `the field "outputs" is not a list`,
			line:   1,
			column: 13,
		},
		"TextForArtifact": {
			reason: "An artifact is an object.",
			text:   `{"outputs":["a"]}`,
			err:    "an element of outputs is not an object",
			line:   1,
			column: 16,
		},
		"NullArtifact": {
			reason: "An artifact is not null.",
			text:   `{"inputs":[null]}`,
			err:    "an element of inputs is null",
			line:   1,
			column: 16,
		},
		"NoName": {
			reason: "An artifact without a name cannot be referred to.",
			text:   `{"outputs":[{"values":[]}]}`,
			err:    `an element of "outputs" has no name`,
			line:   1,
			column: 26,
		},
		"NoNameOfInput": {
			reason: "The same is true for what a step read.",
			text:   `{"inputs":[{"values":[]}]}`,
			err:    `an element of "inputs" has no name`,
			line:   1,
			column: 25,
		},
		"InputTwice": {
			reason: "A name stands for one artifact that was read.",
			text:   `{"inputs":[{"name":"a"},{"name":"a"}]}`,
			err:    `the name "a" occurs twice in "inputs"`,
			line:   1,
			column: 37,
		},
		"AlgorithmTwice": {
			reason: "A digest has one value for an algorithm.",
			text:   `{"outputs":[{"name":"a","values":[{"digest":{"sha256":"01","sha256":"02"}}]}]}`,
			err:    `the field "sha256" occurs twice`,
			line:   1,
			column: 68,
		},
		"TrailingText": {
			reason: "Text after the document that is not JSON is not ignored.",
			text:   "{}\nimage",
			err:    "something follows the document",
			line:   2,
			column: 1,
		},
		"NameTwice": {
			reason: "A name stands for one artifact.",
			text:   `{"outputs":[{"name":"a"},{"name":"a"}]}`,
			err:    `the name "a" occurs twice in "outputs"`,
			line:   1,
			column: 38,
		},
		"FieldTwice": {
			reason: "Readers differ in which of two fields they use.",
			text:   `{"outputs":[],"outputs":[]}`,
			err:    `the field "outputs" occurs twice`,
			line:   1,
			column: 24,
		},
		"Case": {
			reason: "A field in another case is not ignored.",
			text:   `{"Outputs":[]}`,
			err:    `the field "Outputs" must be "outputs"`,
			line:   1,
			column: 11,
		},
		"CaseOfURI": {
			reason: "Nor is one within.",
			text:   `{"outputs":[{"name":"a","values":[{"URI":"u"}]}]}`,
			err:    `the field "URI" must be "uri"`,
			line:   1,
			column: 41,
		},
		"NumberForText": {
			reason: "A digest is a text.",
			text:   `{"outputs":[{"name":"a","values":[{"digest":{"sha256":1}}]}]}`,
			err:    `the field "sha256" is not a text`,
			line:   1,
			column: 56,
		},
		"TextForTruth": {
			reason: "A text is not true.",
			text:   `{"outputs":[{"name":"a","buildOutput":"true"}]}`,
			err:    `the field "buildOutput" is neither true nor false`,
			line:   1,
			column: 45,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := artifacts.Parse([]byte(tc.text))
			if tc.err == "" {
				if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
					t.Errorf("%s\nParse(…): error %v, -want +got:\n%s", tc.reason, err, diff)
				}
				return
			}
			var e *artifacts.Error
			if !errors.As(err, &e) || !strings.Contains(e.Problem, tc.err) || e.Line != tc.line || e.Column != tc.column {
				t.Errorf("%s\nParse(…): got error %v, want line %d, column %d: %q", tc.reason, err, tc.line, tc.column, tc.err)
			}
		})
	}
}

func TestFind(t *testing.T) {
	d := artifacts.Document{Inputs: []artifacts.Artifact{image("a")}, Outputs: []artifacts.Artifact{image("b"), image("c")}}
	for _, tc := range []struct {
		of, name string
		want     bool
	}{{"inputs", "a", true}, {"inputs", "b", false}, {"outputs", "c", true}, {"outputs", "a", false}} {
		got, ok := d.Find(tc.of, tc.name)
		if ok != tc.want || ok && got.Name != tc.name {
			t.Errorf("Find(%q, %q): got %+v, %t, want %t", tc.of, tc.name, got, ok, tc.want)
		}
	}
}

func TestText(t *testing.T) {
	if got := artifacts.Text(nil); got != "[]" {
		t.Errorf("no values: got %s, want []", got)
	}
	const want = `[{"digest":{"sha256":"01"},"uri":"pkg:oci/a"},{"uri":"b"}]`
	if got := artifacts.Text(append(image("a").Values, artifacts.Value{URI: "b"})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMerge(t *testing.T) {
	other := artifacts.Artifact{Name: "image", BuildOutput: true, Values: []artifacts.Value{image("image").Values[0], {URI: "second"}}}
	got := artifacts.Merge(
		artifacts.Document{Outputs: []artifacts.Artifact{image("image"), image("sbom")}},
		artifacts.Document{Inputs: []artifacts.Artifact{image("source")}, Outputs: []artifacts.Artifact{other}},
		artifacts.Document{Outputs: []artifacts.Artifact{other, {Name: "sbom", Values: []artifacts.Value{{URI: "third"}}}}},
	)
	sbom := artifacts.Artifact{Name: "sbom", Values: []artifacts.Value{image("sbom").Values[0], {URI: "third"}}}
	want := artifacts.Document{Inputs: []artifacts.Artifact{image("source")}, Outputs: []artifacts.Artifact{other, sbom}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names once, different values once, build output of any: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(artifacts.Document{}, artifacts.Merge()); diff != "" {
		t.Errorf("nothing of nothing: -want +got:\n%s", diff)
	}
}

// anyArtifacts draws a list whose names differ.
func anyArtifacts(t *rapid.T, label string) []artifacts.Artifact {
	text := rapid.String()
	return rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) artifacts.Artifact {
		return artifacts.Artifact{
			Name:        rapid.StringN(1, 20, -1).Draw(t, "name"),
			BuildOutput: rapid.Bool().Draw(t, "build output"),
			Values: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) artifacts.Value {
				return artifacts.Value{URI: text.Draw(t, "uri"), Digest: rapid.MapOfN(text, text, 0, 3).Draw(t, "digest")}
			}), 0, 3).Draw(t, "values"),
		}
	}), 0, 4, func(a artifacts.Artifact) string { return a.Name }).Draw(t, label)
}

// encoded returns a list in the form of a document.
func encoded(list []artifacts.Artifact) []map[string]any {
	out := []map[string]any{}
	for _, a := range list {
		out = append(out, map[string]any{"name": a.Name, "values": a.Values, "buildOutput": a.BuildOutput})
	}
	return out
}

// Whatever a document says is read as it was written, and is its own merge.
func TestParseReadsWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := artifacts.Document{Inputs: anyArtifacts(t, "inputs"), Outputs: anyArtifacts(t, "outputs")}
		text, err := json.Marshal(map[string]any{"inputs": encoded(want.Inputs), "outputs": encoded(want.Outputs)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := artifacts.Parse(text)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("error %v, -want +got:\n%s", err, diff)
		}
		cut := rapid.IntRange(0, len(text)-1).Draw(t, "cut")
		if _, err := artifacts.Parse(text[:cut]); err == nil {
			t.Fatalf("the first %d of %d bytes were read as a document", cut, len(text))
		}
		for _, a := range got.Outputs {
			var values []artifacts.Value
			if err := json.Unmarshal([]byte(artifacts.Text(a.Values)), &values); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a.Values, values, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("values as text: -want +got:\n%s", diff)
			}
		}
	})
}

// FuzzParse reads anything. What is read can be read by package encoding/json as the same, and every error has a place in the text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{"inputs":[{"name":"source","values":[{"uri":"pkg:git/s","digest":{"sha1":"02"}}]}],"outputs":[{"name":"a","buildOutput":true}]}`,
		`{"outputs":null}`, `{}`, `[]`, ``, `{"outputs":[{}]}`, `{"OUTPUTS":[]}`, `{"a":` + strings.Repeat("[", 100) + `}`, "{\n\"outputs\": x",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := artifacts.Parse(text)
		var e *artifacts.Error
		if err != nil {
			if !errors.As(err, &e) || e.Line < 1 || e.Column < 1 || e.Column > len(text)+1 {
				t.Fatalf("error %v has no place in the text", err)
			}
			return
		}
		type named []struct {
			Name string `json:"name"`
		}
		var other struct {
			Inputs  named `json:"inputs"`
			Outputs named `json:"outputs"`
		}
		if err := json.Unmarshal(text, &other); err != nil {
			t.Fatalf("read as %+v, but it is not JSON of this form: %v", got, err)
		}
		if len(other.Inputs) != len(got.Inputs) || len(other.Outputs) != len(got.Outputs) {
			t.Fatalf("got %+v, package encoding/json has %+v", got, other)
		}
		for i := range got.Outputs {
			if got.Outputs[i].Name == "" || got.Outputs[i].Name != other.Outputs[i].Name {
				t.Fatalf("output %d: got name %q, package encoding/json has %q", i, got.Outputs[i].Name, other.Outputs[i].Name)
			}
		}
	})
}

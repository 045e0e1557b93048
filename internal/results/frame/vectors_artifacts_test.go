package frame_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// document is a document of artifacts.
const document = `{"outputs":[{"name":"image","values":[{"uri":"pkg:oci/app","digest":{"sha256":"0123"}}],"buildOutput":true}]}`

// artifactsVectors show what a reader does with documents of artifacts.
func artifactsVectors() map[string]vector {
	value, size := []byte(document), len(document)
	whole := func() *forge { return newForge().add("step", step).artifacts("step-build.artifacts", value) }
	header := func(payload string) *forge {
		return newForge().add("artifacts", payload).data([]byte("x")).endArtifacts(0, 0, 0, 1, 1)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("x")))
	limited := vec("too-large", "A document of artifacts counts toward the sum of all values.",
		newForge().result("a", noise(60), 60).artifacts("b", noise(41)).endArtifacts(0, 1, 0, 101, 1))
	limited.limits.MaxBytes = 100
	return map[string]vector{
		"whole-artifacts": vec("whole", "A result, and the documents of artifacts of a step and of the task.",
			whole().result("digest", []byte("d"), 1).artifacts("task.artifacts", []byte("{}")).endArtifacts(1, 1, 0, size+3, 2)),
		"digest-artifacts": vec("digest", "A document of artifacts has the digest of its header.",
			header(`{"name":"a","size":1,"encoding":"raw","frames":1,"sha256":"`+fmt.Sprintf("%x", sha256.Sum256([]byte("y")))+`"}`)),
		"gap-artifacts": vec("gap", "A document of artifacts that is lost is missed.",
			newForge().raw(whole().text("1", 3, "end", "{}"))),
		"too-large-artifacts": limited,
		"malformed-artifacts-counted": vec("malformed", "A document of artifacts does not count as a result.",
			whole().end(1, 1, 0, size)),
		"malformed-artifacts-uncounted": vec("malformed", "The end counts all documents of artifacts.", whole().end(1, 0, 0, size)),
		"malformed-artifacts-type": vec("malformed", "Artifacts are not a type of result.",
			newForge().header("a", results.TypeArtifacts, "raw", 1, 1, sha256.Sum256([]byte("x"))).data([]byte("x")).end(0, 1, 0, 1)),
		"malformed-artifacts-name": vec("malformed", "A document of artifacts has a valid name.",
			header(`{"name":"../a","size":1,"encoding":"raw","frames":1,"sha256":"`+sum+`"}`)),
		"malformed-artifacts-field": vec("malformed", "The header of a document of artifacts has all of its fields.",
			header(`{"name":"a","encoding":"raw","frames":1,"sha256":"`+sum+`"}`)),
		"malformed-artifacts-data": vec("malformed", "Nothing is between the header of a document of artifacts and its data.",
			newForge().add("artifacts", `{"name":"a","size":1,"encoding":"raw","frames":1,"sha256":"`+sum+`"}`).
				add("step", step).data([]byte("x")).endArtifacts(1, 0, 0, 1, 1)),
	}
}

// TestWriterWritesArtifacts: the Writer writes a document of artifacts as the specification describes it, and not as a result.
func TestWriterWritesArtifacts(t *testing.T) {
	want := newForge().artifacts("task.artifacts", []byte(document)).endArtifacts(0, 0, 0, len(document), 1).bytes()
	got := written(t, "n0nce", func(w *frame.Writer) error {
		if err := w.Result(frame.Result{Name: "task.artifacts", Type: results.TypeArtifacts, Value: []byte(document)}); err != nil {
			return err
		}
		return w.End(false)
	})
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

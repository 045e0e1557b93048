package resultview

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// TestArtifacts: each copy of an artifact is a line, also one of which nothing is known but its name.
func TestArtifacts(t *testing.T) {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Name: "make", Namespace: "ci"}}
	tr.Status.Artifacts = &v1.Artifacts{
		Inputs: []v1.Artifact{{Name: "source"}},
		Outputs: []v1.Artifact{
			{Name: "image", BuildOutput: true, Values: []v1.ArtifactValue{
				{URI: "oci:a\x1b[31m", Digest: map[string]string{"sha256": strings.Repeat("0123", 16), "sha1": "02"}}, {URI: "oci:b"},
			}},
			{Name: "log", Values: []v1.ArtifactValue{{URI: "https://logs"}}},
		},
	}
	got := Artifacts(runs.Snapshot{Run: runs.OfTask(tr)})
	want := []Artifact{
		{Name: "source", Use: "input", Digests: []string{}},
		{Name: "image", Use: "build output", URI: "oci:a\x1b[31m", Digests: []string{"sha1:02", "sha256:" + strings.Repeat("0123", 16)}},
		{Name: "image", Use: "build output", URI: "oci:b", Digests: []string{}},
		{Name: "log", Use: "output", URI: "https://logs", Digests: []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var out bytes.Buffer
	if err := ArtifactGrid(got).Write(&out, &terminal.Terminal{Out: &out}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"NAME", "source", "build output", "sha1:02 sha256:0123", "https://logs"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the table lacks %q:\n%s", part, &out)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("the table has control characters: %q", &out)
	}
	if got := Artifacts(runs.Snapshot{Run: runs.OfTask(&v1.TaskRun{})}); got == nil || len(got) != 0 {
		t.Errorf("a run without artifacts: got %#v, want an empty list", got)
	}
}

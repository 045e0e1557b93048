//go:build integration

package beside

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	sluice "github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/test/testutil/page"
)

var update = flag.Bool("update", false, "write the output of sluice compare into docs/side-by-side.md")

// compared is what TestCompare compares.
const compared = `
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {generateName: build-}
spec:
  pipelineSpec:
    results: [{name: image-digest, value: $(tasks.build.results.digest)}]
    tasks:
    - name: build
      taskSpec:
        results: [{name: digest}]
        steps: [{name: push, image: docker.io/library/busybox:1, script: 'printf "by the stand-in" > $(results.digest.path)'}]
`

// TestCompare: the command runs a PipelineRun on both engines. Its output is that of docs/side-by-side.md.
func TestCompare(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.yaml")
	if err := os.WriteFile(file, []byte(compared), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("equal", func(t *testing.T) {
		namespace := newNamespace(t, false)
		playResult(t, namespace, "digest", ofTheStandIn)
		out, code := execute(t, "compare", file, "-n", namespace)
		if code != clierror.Success {
			t.Errorf("exit status %d:\n%s\n%s", code, out, shared.sluice.log())
		}
		wantOnPage(t, out, "equal: ")
		wantNoScratchRuns(t, namespace)
	})
	t.Run("one result differs", func(t *testing.T) {
		namespace := newNamespace(t, false)
		playResult(t, namespace, "digest", "by Sluice")
		out, code := execute(t, "compare", file, "-n", namespace)
		if code != clierror.RunFailed {
			t.Errorf("exit status %d:\n%s\n%s", code, out, shared.sluice.log())
		}
		wantOnPage(t, out, "not equal: ")
		wantNoScratchRuns(t, namespace)
	})
	namespace := newNamespace(t, false)
	t.Run("not in time", func(t *testing.T) {
		out, code := execute(t, "compare", file, "-n", namespace, "--timeout", "10s")
		if code != clierror.RunFailed || !regexp.MustCompile(`outcome +not ended after 10s +succeeded`).MatchString(out) {
			t.Errorf("exit status %d:\n%s", code, out)
		}
		wantNoScratchRuns(t, namespace)
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		user := &impatient{interrupt: cancel}
		code := sluice.Main(ctx, terminal.Plain(nil, &bytes.Buffer{}, user), []string{"compare", file, "-n", namespace})
		if code != clierror.Interrupted {
			t.Errorf("exit status %d:\n%s", code, user.String())
		}
		wantNoScratchRuns(t, namespace)
	})
}

// wantOnPage checks that the page shows an output, except for names and times. Progress before the line that begins with first is
// not part of the output. With -update it writes the output into the page.
func wantOnPage(t *testing.T, out, first string) {
	t.Helper()
	begin := strings.Index("\n"+out, "\n"+first)
	if begin < 0 {
		t.Fatalf("no line begins with %q in:\n%s", first, out)
	}
	out = out[begin:]
	if *update {
		if err := page.Replace(root, first, out); err != nil {
			t.Fatal(err)
		}
	}
	want, err := page.Comparison(root, first)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page.Neutral(want), page.Neutral(out)); diff != "" {
		t.Errorf("docs/side-by-side.md shows another output (-page +command); run the test with -update:\n%s", diff)
	}
}

// impatient is a user who interrupts the command when it prints that Sluice's run was created.
type impatient struct {
	bytes.Buffer

	interrupt func()
}

func (u *impatient) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "created for Sluice") {
		u.interrupt()
	}
	return u.Buffer.Write(p)
}

// wantNoScratchRuns checks that the PipelineRuns are deleted. Their TaskRuns have the label, too, and stay here, because no
// garbage collector runs.
func wantNoScratchRuns(t *testing.T, namespace string) {
	t.Helper()
	var left v1.PipelineRunList
	if err := shared.client.List(t.Context(), &left, client.InNamespace(namespace), client.HasLabels{"sluice.dev/compare"}); err != nil {
		t.Fatal(err)
	}
	for _, pr := range left.Items {
		t.Errorf("PipelineRun %q is left", pr.Name)
	}
}

//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// said is the output of sluice, and its exit status.
type said struct {
	out, err string
	code     clierror.Code
}

// sluice runs the command line in the namespace of the test, with the output of a pipe: without colors and without a live
// tree.
func sluice(t *testing.T, n *suite.Namespace, args ...string) said {
	t.Helper()
	var out, errOut bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	code := cli.Main(ctx, terminal.Plain(strings.NewReader(""), &out, &errOut), append(args, "-n", n.Name))
	if ctx.Err() != nil {
		t.Errorf("sluice %s did not end within %v:\n%s%s", strings.Join(args, " "), suite.Patience, out.String(), errOut.String())
	}
	return said{out.String(), errOut.String(), code}
}

// must runs sluice, which must succeed.
func must(t *testing.T, n *suite.Namespace, args ...string) said {
	t.Helper()
	s := sluice(t, n, args...)
	if s.code != clierror.Success {
		t.Fatalf("sluice %s ended with %d:\n%s%s", strings.Join(args, " "), s.code, s.out, s.err)
	}
	return s
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "run.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// bigRun leaves a JSON document of exactly 1,000,000 bytes as a result, and prints its digest.
const bigRun = `
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {name: big}
spec:
  taskSpec:
    results: [{name: doc}, {name: list, type: array}]
    steps:
      - name: write
        image: docker.io/library/busybox:1
        script: |
          #!/bin/sh
          set -eu
          awk 'BEGIN { printf "[\""; for (i = 0; i < 111110; i++) printf "%08d,", i; printf "xxxxxx\"]" }' > $(results.doc.path)
          printf '[ "a",\n  "b<c" ]\n' > $(results.list.path)
          sha256sum < $(results.doc.path)
`

// TestCLIResults: sluice fetches a result of a megabyte that equals the step's file, byte for byte.
func TestCLIResults(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	ran := must(t, n, "run", "-f", write(t, bigRun))
	for _, want := range []string{"write: succeeded", "taskrun/big: succeeded", "976.6 KiB", "verified"} {
		if !strings.Contains(ran.out, want) {
			t.Errorf("run tells how it went, and ends with the results and their sizes: there is no %q in\n%s", want, ran.out)
		}
	}
	printed, _, _ := strings.Cut(must(t, n, "logs", "big", "--step", "write").out, " ")
	file := filepath.Join(t.TempDir(), "doc.json")
	got := must(t, n, "results", "get", "big", "doc", "-o", file)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if digest := hex.EncodeToString(sum[:]); digest != printed || len(data) != 1000000 {
		t.Errorf("the file has %d bytes and digest %s; the step wrote 1000000 with %s", len(data), digest, printed)
	}
	if !strings.Contains(got.err, "verified") {
		t.Errorf("as long as the pod is there, the digest that was sent is checked: %s", got.err)
	}
	if out := must(t, n, "results", "get", "big", "doc").out; out != string(data) {
		t.Errorf("standard output gets the same bytes: got %d of them", len(out))
	}
	if diff := cmp.Diff("[ \"a\",\n  \"b<c\" ]\n", must(t, n, "results", "get", "big", "list", "--raw").out); diff != "" {
		t.Errorf("--raw is what the step wrote, white space and all (-want +got):\n%s", diff)
	}
	n.MustKubectl(t, "delete", "pod", "big-pod", "--wait=true")
	if gone := must(t, n, "results", "get", "big", "doc"); !strings.Contains(gone.err, "no digest to compare with: the pod") ||
		gone.out != string(data) {
		t.Errorf("without the pod the value is there, and that it cannot be checked is said: %s", gone.err)
	}
}

// TestCLILogs: sluice follows the logs of all attempts, prints each line once, and ends when the run ends.
func TestCLILogs(t *testing.T) {
	n := suite.NewNamespace(t)
	const lines = 3000
	retried := n.Start(t, v1.TaskRunSpec{Retries: 1, TaskSpec: &v1.TaskSpec{Steps: []v1.Step{
		kube.Script("count", fmt.Sprintf("for i in $(seq %d); do echo line $i; done; sleep 1; echo last", lines)),
		kube.Script("end", "echo attempt $(context.task.retry-count); exit $((1 - $(context.task.retry-count)))"),
	}}})
	var want []string
	for attempt, prefix := range []string{"[count] ", "[count, attempt 2] "} {
		for i := range lines {
			want = append(want, fmt.Sprintf("%sline %d", prefix, i+1))
		}
		want = append(want, prefix+"last", strings.Replace(prefix, "count", "end", 1)+fmt.Sprintf("attempt %d", attempt))
	}
	followed := must(t, n, "logs", retried.Name, "-f")
	got := strings.Split(strings.TrimSuffix(followed.out, "\n"), "\n")
	if !slices.Equal(want, got) {
		t.Errorf("each line of each attempt comes once, in order; of %d lines, got %d (-want +got):\n%.4000s",
			len(want), len(got), cmp.Diff(want, got))
	}
	if again := must(t, n, "logs", retried.Name); again.out != followed.out {
		t.Error("a log that was followed is the log that is read afterwards")
	}
}

// TestCLIFailure: for a failed run, sluice exits with 1 and prints the last lines of the step.
func TestCLIFailure(t *testing.T) {
	n := suite.NewNamespace(t)
	const text = `
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: fails}
spec:
  params: [{name: code}]
  steps:
    - {name: first, image: "docker.io/library/busybox:1", script: "#!/bin/sh\necho all is well"}
    - {name: exit, image: "docker.io/library/busybox:1", script: "#!/bin/sh\necho this is why\nexit $(params.code)"}
`
	ran := sluice(t, n, "run", "-f", write(t, text), "-p", "code=3", "--logs")
	if ran.code != clierror.RunFailed {
		t.Errorf("a run that failed is exit status 1: got %d\n%s", ran.code, ran.err)
	}
	for _, want := range []string{
		"[first] all is well\n[exit] this is why\n", "A step failed.", "| this is why", "exit code 3",
		"fix: ",
	} {
		if !strings.Contains(ran.out, want) {
			t.Errorf("what happened and what to do is said: there is no %q in\n%s", want, ran.out)
		}
	}
	_, listed, _ := strings.Cut(must(t, n, "list", "taskruns").out, "\n")
	name, _, _ := strings.Cut(listed, " ")
	if out := must(t, n, "logs", name, "--failed").out; out != "[exit] this is why\n" {
		t.Errorf("--failed shows the step that failed and no other: %q", out)
	}
}

// TestCLILogsOfADeletedRun: sluice reports that the followed run was deleted, and does not wait forever.
func TestCLILogsOfADeletedRun(t *testing.T) {
	n := suite.NewNamespace(t)
	task := &v1.EmbeddedTask{TaskSpec: v1.TaskSpec{Steps: []v1.Step{kube.Script("wait", "echo begun; sleep 300")}}}
	pipeline := &v1.PipelineRun{
		Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: "only", TaskSpec: task}}}},
	}
	pipeline.Namespace, pipeline.Name = n.Name, "deleted"
	if err := n.Client.Create(t.Context(), pipeline); err != nil {
		t.Fatal(err)
	}
	ended := make(chan said)
	go func() { ended <- sluice(t, n, "logs", "-f", "pr/"+pipeline.Name) }()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		out, err := n.Kubectl(ctx, "get", "taskruns", "-o", "jsonpath={.items[*].status.steps[*].running}")
		return strings.Contains(out, "startedAt"), err
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, n, "delete", pipeline.Name)
	got := <-ended
	if got.code != clierror.Unusable || !strings.Contains(got.err, "was deleted while it was watched") {
		t.Errorf("exit status %d: %s", got.code, got.err)
	}
	if got.out != "[only › wait] begun\n" {
		t.Errorf("what was printed before is shown: %q", got.out)
	}
}

//go:build e2e

package node

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/page"
)

const (
	root = "../../../.."
	// patience bounds a test.
	patience = 8 * time.Minute
	// deterministic is a run whose results are the same on every engine.
	deterministic = `
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
        steps: [{name: push, image: docker.io/library/busybox:1, script: "printf abc | sha256sum | cut -c 1-64 > $(results.digest.path)"}]
`
)

// example is the example with a result of 540 kB.
func example() string { return filepath.Join(root, "examples", "sbom-pipeline") }

// TestMoveAndBack runs the commands of docs/side-by-side.md. Sluice is installed beside another engine, takes over a namespace, gives
// the same results as the other engine, gives the namespace back, and is removed. Then the cluster has the objects that it had before.
func TestMoveAndBack(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := kube.Connect()
	if err != nil {
		t.Fatal(err)
	}
	installTekton(ctx, t, c)
	startOther(ctx, t)
	before := everything(ctx, t, c)
	moved, err := c.MakeNamespace(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := readPage(t, moved)

	p.run(ctx, t, "install")
	p.run(ctx, t, "doctor")
	if out := p.run(ctx, t, "compare"); !strings.Contains(out, "equal: the same outcome (succeeded) and the same 2 results\n") {
		t.Error("the runs are not equal")
	}
	compareExample(ctx, t, moved)
	p.run(ctx, t, "engine use")
	must(ctx, t, "run", "-f", example(), "-n", moved)
	if out := p.run(ctx, t, "engine list"); !strings.Contains(out, moved) {
		t.Error("the namespace is not listed")
	}
	wantManagedBy(ctx, t, c, moved, v1.ManagedBySluice)
	if out := must(ctx, t, "doctor"); !strings.Contains(out, "the webhook sets spec.managedBy") {
		t.Error("doctor has not checked the webhook")
	}
	p.run(ctx, t, "engine reset")
	must(ctx, t, "run", "-f", example(), "-n", moved)
	wantManagedBy(ctx, t, c, moved, v1.ManagedBySluice, "")
	p.run(ctx, t, "uninstall")
	p.wantAllRun(t)

	if err := c.Kube.CoreV1().Namespaces().Delete(ctx, moved, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wantAsBefore(ctx, t, c, before)
}

// compareExample compares the example. Its document has a random serial number, so three results differ, and no others.
func compareExample(ctx context.Context, t *testing.T, namespace string) {
	t.Helper()
	out, code := run(ctx, t, "compare", example(), "-n", namespace, "-o", "json")
	if code != clierror.RunFailed {
		t.Errorf("compare ended with %d", code)
	}
	var report struct {
		Differences []struct {
			What    string `json:"what"`
			Unequal bool   `json:"unequal"`
		} `json:"differences"`
	}
	if err := json.Unmarshal([]byte(out[max(0, strings.Index(out, "{\n")):]), &report); err != nil {
		t.Fatal(err)
	}
	var unequal []string
	for _, d := range report.Differences {
		if d.Unequal {
			unequal = append(unequal, d.What)
		}
	}
	slices.Sort(unequal)
	if diff := cmp.Diff([]string{"result make/sbom", "result make/summary", "result sha256"}, unequal); diff != "" {
		t.Errorf("differences of two documents with random serial numbers (-want +got):\n%s", diff)
	}
}

// TestTektonIsUninstalled: after Tekton was removed, doctor names what is missing, and Sluice can be removed, too.
func TestTektonIsUninstalled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := kube.Connect()
	if err != nil {
		t.Fatal(err)
	}
	before := everything(ctx, t, c)
	installTekton(ctx, t, c)
	moved, err := c.MakeNamespace(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := readPage(t, moved)
	p.run(ctx, t, "install")
	p.run(ctx, t, "engine use")
	uninstallTekton(ctx, t)
	out, code := run(ctx, t, "doctor")
	for _, want := range []string{
		"the cluster does not serve the kinds Task, TaskRun, Pipeline, PipelineRun, StepAction",
		"Tekton is not installed: no controller runs what Sluice does not manage",
		"fix: install Tekton again",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q", want)
		}
	}
	if code != clierror.RunFailed {
		t.Errorf("doctor ended with %d", code)
	}
	p.run(ctx, t, "engine reset")
	p.run(ctx, t, "uninstall")
	if err := c.Kube.CoreV1().Namespaces().Delete(ctx, moved, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	wantAsBefore(ctx, t, c, withoutTekton(before))
}

// wantManagedBy checks that the PipelineRuns of a namespace have these values of managedBy; "" is none.
func wantManagedBy(ctx context.Context, t *testing.T, c *kube.Cluster, namespace string, want ...string) {
	t.Helper()
	var list v1.PipelineRunList
	if err := c.Client.List(ctx, &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range list.Items {
		value := ""
		if managedBy := list.Items[i].Spec.ManagedBy; managedBy != nil {
			value = *managedBy
		}
		got = append(got, value)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the PipelineRuns have managedBy %q, want %q", got, want)
	}
}

// commands are those of the page, by their first words after "sluice". Those that were run are removed.
type commands map[string][]string

// readPage reads the page, and replaces the words that a reader replaces.
func readPage(t *testing.T, namespace string) commands {
	t.Helper()
	blocks, err := page.Commands(root)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pipelinerun.yaml")
	if err := os.WriteFile(file, []byte(deterministic), 0o600); err != nil {
		t.Fatal(err)
	}
	replaced := map[string]string{
		"CONTROLLER": setting(t, "CONTROLLER_IMAGE"), "INPOD": setting(t, "INPOD_IMAGE"), "team-a": namespace, "pipelinerun.yaml": file,
	}
	p := commands{}
	for _, command := range slices.Concat(blocks...) {
		args := command[1:]
		name := args[0]
		if name == "engine" {
			name += " " + args[1]
		}
		for i, word := range args {
			if to, ok := replaced[word]; ok {
				args[i] = to
			}
		}
		if name == "install" { // the nodes of localkube pull every image from its registry
			args = append(args, "--controller-arg=--registry-mirror=*=http://"+setting(t, "REGISTRY_FOR_PODS"))
		}
		p[name] = args
	}
	return p
}

// run runs a command of the page, which must succeed.
func (p commands) run(ctx context.Context, t *testing.T, name string) string {
	t.Helper()
	args, ok := p[name]
	if !ok {
		t.Fatalf("docs/side-by-side.md has no command %q", name)
	}
	delete(p, name)
	return must(ctx, t, args...)
}

// wantAllRun checks that every command of the page was run.
func (p commands) wantAllRun(t *testing.T) {
	t.Helper()
	for name := range p {
		t.Errorf("docs/side-by-side.md has the command %q, which this test does not run", name)
	}
}

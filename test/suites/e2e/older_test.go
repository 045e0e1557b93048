//go:build e2e

package e2e

import (
	"context"
	"os"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestOlderManifests applies manifests of v1beta1 as they are. Their run uses what has another name in v1, and passes a result on.
func TestOlderManifests(t *testing.T) {
	bothWays(t, named{"runs": func(t *testing.T, n *suite.Namespace) {
		n.MustKubectl(t, "apply", "-f", "testdata/older.yaml")
		run := &v1.PipelineRun{}
		run.Namespace, run.Name = n.Name, "older"
		n.FinishPipeline(t, run)
		suite.WantSucceeded(t, run.Status.Condition())
		for _, result := range run.Status.Results {
			if result.Name == "said" && strings.TrimSpace(result.Value.String) == "hello from main" {
				return
			}
		}
		t.Errorf(`want the result "hello from main", got %+v`, run.Status.Results)
	}, "reads": func(t *testing.T, n *suite.Namespace) {
		manifest, err := os.ReadFile("testdata/older-task.yaml")
		if err != nil {
			t.Fatal(err)
		}
		n.MustKubectl(t, "apply", "-f", "testdata/older-task.yaml")
		wantLine(t, n.MustKubectl(t, "get", "tasks.v1beta1.tekton.dev", "read-older", "-o", "yaml"), `^    resources:$`)
		wantLine(t, n.MustKubectl(t, "get", "tasks.v1.tekton.dev", "read-older", "-o", "yaml"), `^  - computeResources:$`)
		removed := strings.Replace(string(manifest), "spec:\n", "spec:\n  resources:\n    inputs: []\n", 1)
		file := t.TempDir() + "/removed.yaml"
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(removed, "read-older", "removed")), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := n.Kubectl(t.Context(), "apply", "-f", file)
		if err == nil || !strings.Contains(out, "spec.resources: Forbidden: PipelineResources do not exist any more") {
			t.Errorf("want PipelineResources refused by name, got %v: %s", err, out)
		}
	}})
}

// TestClientsReadTheVersion: any user reads the version in the ConfigMap that clients know, and the controller writes it again after
// another program has changed it.
func TestClientsReadTheVersion(t *testing.T) {
	n := suite.NewNamespace(t)
	read := func(path string) string {
		return n.MustKubectl(t, "get", "configmap", "pipelines-info", "--namespace", n.Controller, "-o", "jsonpath="+path,
			"--as=reader", "--as-group=system:authenticated")
	}
	version, written := read("{.data.version}"), read(`{.metadata.annotations.sluice\.dev/written-version}`)
	if version == "" || version != written {
		t.Errorf("the ConfigMap has the version %q, and the controller wrote %q", version, written)
	}
	n.MustKubectl(t, "patch", "configmap", "pipelines-info", "--namespace", n.Controller, "-p", `{"data":{"version":"v0.0.1"}}`)
	ctx, cancel := context.WithTimeout(t.Context(), promptness)
	defer cancel()
	if err := kube.Poll(ctx, func(context.Context) (bool, error) { return read("{.data.version}") == version, nil }); err != nil {
		t.Errorf("the version is %q, want %q again: %v", read("{.data.version}"), version, err)
	}
}

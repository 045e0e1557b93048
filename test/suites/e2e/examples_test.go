//go:build e2e

package e2e

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sluice-ci/sluice/test/conformance/cluster"
	"github.com/sluice-ci/sluice/test/conformance/runner"
	conformance "github.com/sluice-ci/sluice/test/conformance/suite"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// exampleFolders are those with a file for each feature. TestExamples runs the others, which need more than one command.
func exampleFolders() []string { return []string{"taskruns", "pipelineruns"} }

// TestExampleFiles: each example file ends as its comment says, on a cluster with large results.
func TestExampleFiles(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 1_500_000)
	c, err := cluster.Connect(cluster.Alone(kube.Installation), n.Name)
	if err != nil {
		t.Fatal(err)
	}
	flags, err := c.Flags(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range exampleFolders() {
		cases, err := conformance.Load(filepath.Join("..", "..", "..", "examples", folder), regexp.MustCompile(""), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(cases) == 0 {
			t.Errorf("%s has no example", folder)
		}
		r := &runner.Runner{Cluster: c, Parallel: 4, Timeout: suite.Patience, Flags: flags, Done: func(runner.Result) {}}
		for _, result := range r.Run(t.Context(), cases) {
			t.Run(folder+"/"+result.Name, func(t *testing.T) {
				if result.Outcome != runner.Passed {
					t.Errorf("%s after %s: %s\n%s", result.Outcome, result.Took, result.Reason, result.Explanation)
				}
			})
		}
	}
}

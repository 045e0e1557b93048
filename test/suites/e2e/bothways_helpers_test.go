//go:build e2e

package e2e

import (
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// named is a test of one behavior in a namespace whose flags are set.
type named map[string]func(*testing.T, *suite.Namespace)

// bothWays runs each test with both transports of results. The tests of one transport run in parallel.
func bothWays(t *testing.T, tests named) {
	t.Helper()
	for _, from := range []string{kube.SidecarLogs, kube.TerminationMessage} {
		t.Run(from, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, from, 4096)
			t.Run("all", func(t *testing.T) {
				for name, test := range tests {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						test(t, n)
					})
				}
			})
		})
	}
}

// wantNoValue fails the test if the status of a run, or of one of its earlier attempts, has any result.
func wantNoValue(t *testing.T, run *v1.TaskRun) {
	t.Helper()
	results, steps := run.Status.Results, run.Status.Steps
	for _, earlier := range run.Status.RetriesStatus {
		results, steps = append(results, earlier.Results...), append(steps, earlier.Steps...)
	}
	for _, r := range results {
		t.Errorf("result %q is %q in the status, and must not be there", r.Name, r.Value.String)
	}
	for _, s := range steps {
		for _, r := range s.Results {
			t.Errorf("result %q of step %q is %q in the status, and must not be there", r.Name, s.Name, r.Value.String)
		}
	}
}

// oneResult declares the one result "digest" of a task.
func oneResult() []v1.TaskResult { return []v1.TaskResult{kube.Result("digest", v1.TypeString)} }

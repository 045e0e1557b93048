//go:build e2e

package e2e

import (
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestTerminationMessageIsWholeOrFailed: the default transport keeps the same promise. A result that does not fit a
// container's message is named, and never cut.
func TestTerminationMessageIsWholeOrFailed(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.TerminationMessage, largest)
	t.Run("4096 bytes that compress", func(t *testing.T) {
		t.Parallel()
		files := map[string]string{"value": strings.Repeat("0123456789abcdef", 256)}
		wantWhole(t, carry(t, n, files), files)
	})
	t.Run("65536 bytes that compress", func(t *testing.T) {
		t.Parallel()
		files := map[string]string{"value": strings.Repeat("0123456789abcdef", 4096)}
		wantWhole(t, carry(t, n, files), files)
	})
	t.Run("4096 bytes that do not compress", func(t *testing.T) {
		t.Parallel()
		run := carry(t, n, map[string]string{"dense": content.Random(4096)})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "dense", "copy", kube.FlagFrom, kube.SidecarLogs)
		if _, there := kube.Values(run)["dense"]; there {
			t.Error("a result that did not fit must not be in the status")
		}
	})
	t.Run("one megabyte of text", func(t *testing.T) {
		t.Parallel()
		run := carry(t, n, map[string]string{"text": content.Text(largest)})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "text", "copy")
	})
	t.Run("results of one step that fit, one by one, and not together", func(t *testing.T) {
		t.Parallel()
		run := carry(t, n, map[string]string{"a": content.Random(2500), "b": content.Random(2501)})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "copy")
	})
}

// TestTerminationMessageGoesByTheFlag: max-result-size has the same meaning in both transports.
func TestTerminationMessageGoesByTheFlag(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.TerminationMessage, 100)
	task := func(size int) v1.TaskSpec {
		return v1.TaskSpec{
			Results: []v1.TaskResult{kube.Result("value", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("write", "printf %s "+content.Random(size)+" > $(results.value.path)")},
		}
	}
	t.Run("admits 100", func(t *testing.T) {
		t.Parallel()
		run := n.Task(t, task(100))
		suite.WantSucceeded(t, run.Status.Condition())
		if got := kube.Values(run)["value"].String; got != content.Random(100) {
			t.Errorf("the result has %d bytes, not 100", len(got))
		}
	})
	t.Run("refuses 101", func(t *testing.T) {
		t.Parallel()
		run := n.Task(t, task(101))
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "value", "101", "100", kube.FlagMax)
	})
}

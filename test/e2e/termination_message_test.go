//go:build e2e

package e2e

import (
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/e2e/content"
)

// TestTerminationMessageIsWholeOrFailed shows that the default way keeps the same promise: what does not fit the message
// of a container is named, and never cut.
func TestTerminationMessageIsWholeOrFailed(t *testing.T) {
	n := newNamespace(t)
	n.useFlags(t, terminationMessage, largest)
	t.Run("4096 bytes that compress", func(t *testing.T) {
		t.Parallel()
		files := map[string]string{"value": strings.Repeat("0123456789abcdef", 256)}
		wantWhole(t, n.carry(t, files), files)
	})
	t.Run("65536 bytes that compress", func(t *testing.T) {
		t.Parallel()
		files := map[string]string{"value": strings.Repeat("0123456789abcdef", 4096)}
		wantWhole(t, n.carry(t, files), files)
	})
	t.Run("4096 bytes that do not compress", func(t *testing.T) {
		t.Parallel()
		run := n.carry(t, map[string]string{"dense": content.Random(4096)})
		wantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "dense", "copy", flagFrom, sidecarLogs)
		if _, there := values(run)["dense"]; there {
			t.Error("a result that did not fit must not be in the status")
		}
	})
	t.Run("one megabyte of text", func(t *testing.T) {
		t.Parallel()
		run := n.carry(t, map[string]string{"text": content.Text(largest)})
		wantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "text", "copy")
	})
	t.Run("results of one step that fit, one by one, and not together", func(t *testing.T) {
		t.Parallel()
		run := n.carry(t, map[string]string{"a": content.Random(2500), "b": content.Random(2501)})
		wantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "copy")
	})
}

// TestTerminationMessageGoesByTheFlag shows that max-result-size means the same in both ways.
func TestTerminationMessageGoesByTheFlag(t *testing.T) {
	n := newNamespace(t)
	n.useFlags(t, terminationMessage, 100)
	task := func(size int) v1.TaskSpec {
		return v1.TaskSpec{
			Results: []v1.TaskResult{result("value", v1.TypeString)},
			Steps:   []v1.Step{script("write", "printf %s "+content.Random(size)+" > $(results.value.path)")},
		}
	}
	t.Run("admits 100", func(t *testing.T) {
		t.Parallel()
		run := n.task(t, task(100))
		wantSucceeded(t, run.Status.Condition())
		if got := values(run)["value"].String; got != content.Random(100) {
			t.Errorf("the result has %d bytes, not 100", len(got))
		}
	})
	t.Run("refuses 101", func(t *testing.T) {
		t.Parallel()
		run := n.task(t, task(101))
		wantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultTooLarge, "value", "101", "100", flagMax)
	})
}

package page_test

import (
	"testing"

	"github.com/sluice-ci/sluice/test/testutil/page"
)

const root = "../../.."

// TestNeutral: names and times may differ, and nothing else.
func TestNeutral(t *testing.T) {
	output := func(id, time, digest string) string {
		return "RUN      SLUICE                     TEKTON\n" +
			"name     taskrun/compare-" + id + "-sluice   taskrun/compare-" + id + "-tekton\n" +
			"total    " + time + "                         " + time + "\n\n" +
			"RESULT   SLUICE             TEKTON\n" +
			"sbom     2 B " + digest + "   2 B " + digest + "\n"
	}
	one := page.Neutral(output("abcde", "9s", "44136fa355b3"))
	if other := page.Neutral(output("x1x2x", "1m12s", "44136fa355b3")); one != other {
		t.Errorf("another name and another time count as a difference:\n%s\n%s", one, other)
	}
	if other := page.Neutral(output("abcde", "9s", "3d8e6a3f3561")); one == other {
		t.Error("another digest does not count as a difference")
	}
}

// TestCommands: five commands lead to Sluice, and two back.
func TestCommands(t *testing.T) {
	blocks, err := page.Commands(root)
	if err != nil || len(blocks) != 2 || len(blocks[0]) != 5 || len(blocks[1]) != 2 {
		t.Fatalf("want blocks of 5 and of 2 commands, got %v, %v", blocks, err)
	}
	for _, command := range append(blocks[0], blocks[1]...) {
		if command[0] != "sluice" {
			t.Errorf("want commands of sluice, got %q", command)
		}
	}
}

// TestComparisonOfNothing: a page without the block is an error, not an empty block.
func TestComparisonOfNothing(t *testing.T) {
	if text, err := page.Comparison(root, "no such line"); err == nil {
		t.Errorf("want an error, got %q", text)
	}
	if err := page.Replace(root, "no such line", ""); err == nil {
		t.Error("want an error")
	}
}

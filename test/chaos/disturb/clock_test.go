package disturb

import (
	"testing"
)

func TestStepOf(t *testing.T) {
	var forward, back bool
	for draw := range uint64(100000) {
		step := stepOf(draw)
		if step.Abs() < smallestStep || step.Abs() > largestStep {
			t.Fatalf("draw %d sets the clock by %s", draw, step)
		}
		forward, back = forward || step > 0, back || step < 0
	}
	if !forward || !back {
		t.Errorf("forward: %t, back: %t; both must occur", forward, back)
	}
}

package pod

import (
	"fmt"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results"
)

// A task may have a hundred steps, each of which sees the directories of all before it: that leaves most of the object to
// scripts.
func TestManySteps(t *testing.T) {
	spec := v1.TaskSpec{Results: []v1.TaskResult{{Name: "r"}}}
	for i := range 100 {
		spec.Steps = append(spec.Steps, v1.Step{Name: fmt.Sprintf("step-with-a-long-name-%d", i), Image: "busybox:1", Script: "echo"})
	}
	p, err := Build(input(spec, otherMethod))
	if err != nil {
		t.Fatal(err)
	}
	if size := p.Size(); size > results.ObjectLimit/2 {
		t.Errorf("the pod of 100 small steps has %d bytes", size)
	} else {
		t.Logf("%d bytes", size)
	}
}

package launch

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sluice-ci/sluice/internal/cli/manifestfile"
)

func object(kind, name string) manifestfile.Object {
	return manifestfile.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1", "kind": kind, "metadata": map[string]any{"name": name},
	}}}
}

func TestPlan(t *testing.T) {
	for name, tc := range map[string]struct {
		reason  string
		objects []manifestfile.Object
		apply   int
		create  string
		bad     bool
	}{
		"Run": {
			reason:  "A run is created, and what it needs is applied before.",
			objects: []manifestfile.Object{object("TaskRun", "r"), object("Task", "t")},
			apply:   1,
			create:  "TaskRun",
		},
		"Task": {
			reason:  "A Task alone gets a run.",
			objects: []manifestfile.Object{object("Task", "t")},
			apply:   1,
			create:  "TaskRun",
		},
		"Pipeline": {
			reason:  "A Pipeline with its Tasks gets one, too.",
			objects: []manifestfile.Object{object("Task", "a"), object("Task", "b"), object("Pipeline", "p")},
			apply:   3,
			create:  "PipelineRun",
		},
		"Two Tasks": {
			reason:  "It is unknown which Task is meant.",
			objects: []manifestfile.Object{object("Task", "a"), object("Task", "b")},
			bad:     true,
		},
		"Two Pipelines": {
			reason:  "It is unknown which Pipeline is meant.",
			objects: []manifestfile.Object{object("Pipeline", "a"), object("Pipeline", "b")},
			bad:     true,
		},
		"Neither": {
			reason:  "A StepAction does not run.",
			objects: []manifestfile.Object{object("StepAction", "a")},
			bad:     true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := PlanOf(tc.objects)
			if (err != nil) != tc.bad {
				t.Fatalf("%s error: %v", tc.reason, err)
			}
			if tc.bad {
				return
			}
			if len(p.Apply) != tc.apply || len(p.Create) != 1 || p.Create[0].GetKind() != tc.create {
				t.Errorf("%s got %d to apply and %v to create", tc.reason, len(p.Apply), p.Create)
			}
		})
	}
}

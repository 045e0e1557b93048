package validation

import (
	"fmt"
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// ofSidecar returns a valid Task, whose sidecar has a script. A wrong reference there is a warning.
func ofSidecar(script string, params ...v1.ParamSpec) *v1.Task {
	return &v1.Task{Spec: v1.TaskSpec{
		Params:   params,
		Steps:    []v1.Step{{Name: "s", Image: "i", Script: "true"}},
		Sidecars: []v1.Sidecar{{Name: "c", Image: "i", Script: script}},
	}}
}

// TestWarningsThatAreNotListedHaveNoText: of 100,000 wrong references, MaxWarnings are listed. The others are counted, and cost no
// more memory than a right one.
func TestWarningsThatAreNotListedHaveNoText(t *testing.T) {
	declared := make([]v1.ParamSpec, 2*maxListed)
	for i := range declared {
		declared[i] = v1.ParamSpec{Name: fmt.Sprintf("%0100d", i), Type: v1.TypeString}
	}
	allocations := func(reference string, n int) float64 {
		task := ofSidecar(strings.Repeat(reference, n), declared...)
		return testing.AllocsPerRun(5, func() { Check(func(r *Report) { ReportTask(r, task) }) })
	}
	right := "$(params." + declared[0].Name + ")"
	for _, wrong := range []string{"$(params.missing)", "$(params.missing.key)", "$(params.missing[1])"} {
		for _, n := range []int{1000, 2000, 4000} {
			more := allocations(wrong, 2*n) - allocations(wrong, n)
			if limit := allocations(right, 2*n) - allocations(right, n) + float64(2*n); more > limit {
				t.Errorf("%d more references %s take %.0f allocations, want at most %.0f", n, wrong, more, limit)
			}
		}
	}
}

// TestKeysOfAnObjectAreListedOnce: an object has room for 60,000 keys, and for as many references to keys that it lacks. The work
// grows with their sum, and not with their product.
func TestKeysOfAnObjectAreListedOnce(t *testing.T) {
	steps := func(n int) int {
		object := v1.ParamSpec{Name: "o", Type: v1.TypeObject, Properties: map[string]v1.PropertySpec{}}
		for i := range n {
			object.Properties[fmt.Sprintf("k%d", i)] = v1.PropertySpec{Type: v1.TypeString}
		}
		task, steps := ofSidecar(strings.Repeat("$(params.o.missing)", n), object), 0
		found := Check(func(r *Report) {
			ReportTask(r, task)
			steps = r.Steps()
		})
		if len(found.Errors) > 0 || len(found.Warnings) != MaxWarnings+1 {
			t.Fatalf("want only warnings, more than are listed, got %v", lines(found))
		}
		return steps
	}
	for _, n := range []int{500, 1000, 2000} {
		if few, many := steps(n), steps(2*n); many > 2*few {
			t.Errorf("%d steps for twice what took %d: that is not linear", many, few)
		}
	}
}

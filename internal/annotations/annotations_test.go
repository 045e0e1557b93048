package annotations_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/annotations"
)

// TestInherited: an object passes on its annotations, but for those that are about itself.
func TestInherited(t *testing.T) {
	all := map[string]string{
		"team":                             "release",
		"example.com/chains.tekton.dev/x":  "other",
		"chains.tekton.dev/signed":         "true",
		corev1.LastAppliedConfigAnnotation: "{}",
	}
	for _, own := range slices.Concat(v1.ControllerAnnotations(), v1.ConversionAnnotations()) {
		all[own] = "x"
	}
	want := map[string]string{"team": "release", "example.com/chains.tekton.dev/x": "other"}
	if diff := cmp.Diff(want, annotations.Inherited(all)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestRemoveReserved: only the annotations of Chains are removed.
func TestRemoveReserved(t *testing.T) {
	all := map[string]string{"team": "release", "chains.tekton.dev/b": "", "chains.tekton.dev/a": ""}
	removed := annotations.RemoveReserved(all)
	if diff := cmp.Diff([]string{"chains.tekton.dev/a", "chains.tekton.dev/b"}, removed); diff != "" {
		t.Errorf("removed: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"team": "release"}, all); diff != "" {
		t.Errorf("left: -want +got:\n%s", diff)
	}
}

// TestTooMany: the controller's own annotations have room besides those that are inherited.
func TestTooMany(t *testing.T) {
	for size, want := range map[int]bool{
		252<<10 - 1: false,
		252 << 10:   true,
	} {
		if got := annotations.TooMany(map[string]string{"k": strings.Repeat("x", size)}); got != want {
			t.Errorf("%d bytes and a key of one byte: want %t, got %t", size, want, got)
		}
	}
}

package creation_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/creation"
)

// TestPipelineLabel: the label has the name of the Pipeline, or what the names of all runs of a pipeline have in common.
func TestPipelineLabel(t *testing.T) {
	byResolver := &v1.PipelineRef{ResolverRef: v1.ResolverRef{Resolver: "cluster"}}
	for name, tc := range map[string]struct {
		meta     metav1.ObjectMeta
		ref      *v1.PipelineRef
		resolved string
		want     string
	}{
		"Reference": {
			meta: metav1.ObjectMeta{Name: "run"},
			ref:  &v1.PipelineRef{Name: "release"},
			want: "release",
		},
		"Unresolved": {
			meta: metav1.ObjectMeta{Name: "run"},
			ref:  byResolver,
		},
		"Resolved": {
			meta:     metav1.ObjectMeta{Name: "run"},
			ref:      byResolver,
			resolved: "far",
			want:     "far",
		},
		"WrittenOut": {
			meta: metav1.ObjectMeta{Name: "run"},
			want: "run",
		},
		"GeneratedBeforeItHasAName": {
			meta: metav1.ObjectMeta{GenerateName: "nightly-"},
			want: "nightly",
		},
		"Generated": {
			meta: metav1.ObjectMeta{GenerateName: "nightly.-", Name: "nightly.-x7k2p"},
			want: "nightly",
		},
		"NothingButSigns": {
			meta: metav1.ObjectMeta{GenerateName: "-", Name: "run"},
			want: "run",
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := &v1.PipelineRun{ObjectMeta: tc.meta, Spec: v1.PipelineRunSpec{PipelineRef: tc.ref}}
			if got := creation.PipelineLabel(run, tc.resolved); got != tc.want {
				t.Errorf("want %q, got %q", tc.want, got)
			}
		})
	}
}

// TestTooManyAnnotationsOfAPipeline: a run keeps its annotations if those of its Pipeline have no room beside them.
func TestTooManyAnnotationsOfAPipeline(t *testing.T) {
	half := strings.Repeat("x", 130<<10)
	run := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Name: "run", Annotations: map[string]string{"run": half}}}
	pipeline := &metav1.ObjectMeta{Name: "release", Annotations: map[string]string{"pipeline": half}}
	meta := creation.PipelineRunMetadata(run, pipeline, creation.Settings{Release: "v1"})
	if len(meta.Annotations) != 2 || meta.Annotations["run"] != half || meta.Annotations[v1.AnnotationRelease] != "v1" {
		t.Errorf("want the annotations of the run and the release, got %d annotations", len(meta.Annotations))
	}
	if len(run.Annotations) != 1 {
		t.Errorf("the run itself must not change, got %d annotations", len(run.Annotations))
	}
}

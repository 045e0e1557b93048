package creation

import (
	"cmp"
	"maps"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/annotations"
	"github.com/sluice-ci/sluice/internal/name"
)

// PipelineLabel returns the value of the label LabelPipeline of a run: the name of the Pipeline that the run refers to, or that
// its resolver found, which is resolved, and for a pipeline that is written out in the run the name that all runs of the same
// generateName share, or else the run's own name. It is empty while the resolver has not found the Pipeline.
func PipelineLabel(r *v1.PipelineRun, resolved string) string {
	switch ref := r.Spec.PipelineRef; {
	case resolved != "":
		return name.Label(resolved)
	case ref != nil && ref.Name != "":
		return name.Label(ref.Name)
	case ref != nil && ref.Resolver != "":
		return ""
	}
	return name.Label(cmp.Or(strings.TrimRight(r.GenerateName, "-._"), r.Name))
}

// PipelineRunMetadata returns the labels and annotations that a run is to have: its own, those of its Pipeline, and the ones by
// which clients find it. What the run has itself stays as it is. pipeline is nil for one that is written out in the run, or
// that cannot be found.
func PipelineRunMetadata(r *v1.PipelineRun, pipeline *metav1.ObjectMeta, s Settings) metav1.ObjectMeta {
	if pipeline == nil {
		pipeline = &metav1.ObjectMeta{}
	}
	meta := metav1.ObjectMeta{Labels: maps.Clone(pipeline.Labels), Annotations: annotations.Inherited(pipeline.Annotations)}
	merge(&meta.Labels, r.Labels)
	merge(&meta.Annotations, r.Annotations)
	if annotations.TooMany(meta.Annotations) {
		meta.Annotations = maps.Clone(r.Annotations)
	}
	setDefault(&meta.Labels, v1.LabelPipeline, cmp.Or(PipelineLabel(r, pipeline.Name), name.Label(r.Name)))
	release(&meta, s)
	return meta
}

func release(meta *metav1.ObjectMeta, s Settings) {
	if s.Release != "" {
		merge(&meta.Annotations, map[string]string{v1.AnnotationRelease: s.Release})
	}
}

func setDefault(m *map[string]string, key, value string) {
	if _, ok := (*m)[key]; !ok {
		merge(m, map[string]string{key: value})
	}
}

func merge(into *map[string]string, over map[string]string) {
	if *into == nil {
		*into = make(map[string]string, len(over))
	}
	maps.Copy(*into, over)
}

package rewrite

import (
	"slices"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/convert"
)

// standing is what is to be done with an object.
type standing int

const (
	// other is an object of another group, or of the version to which this package converts.
	other standing = iota
	old
	unknown
)

// current returns the version of each kind that stays as it is.
func current() map[string]string {
	return map[string]string{
		v1.KindTask: v1.GroupVersion.String(), v1.KindTaskRun: v1.GroupVersion.String(),
		v1.KindPipeline: v1.GroupVersion.String(), v1.KindPipelineRun: v1.GroupVersion.String(),
		v1beta1.KindStepAction:          v1beta1.GroupVersion.String(),
		v1beta1.KindCustomRun:           v1beta1.GroupVersion.String(),
		v1alpha1.KindVerificationPolicy: v1alpha1.GroupVersion.String(),
	}
}

// standingOf returns what is to be done with an object, and advice for one that no rule converts.
func standingOf(apiVersion, kind string) (what standing, advice string) {
	switch {
	case !strings.HasPrefix(apiVersion, v1.GroupName+"/"), current()[kind] == apiVersion:
		return other, ""
	case slices.Contains(convert.Versions(kind), apiVersion):
		return old, ""
	}
	switch kind {
	case "ClusterTask":
		return unknown, "there are no ClusterTasks any more; write a Task, and refer to it with resolver: cluster"
	case "Run":
		return unknown, "it was replaced by kind CustomRun of " + v1beta1.GroupVersion.String()
	case "PipelineResource":
		return unknown, "there are no PipelineResources any more; use params, workspaces and results"
	case "Condition":
		return unknown, "there are no Conditions any more; use when expressions"
	}
	if version, ok := current()[kind]; ok {
		return unknown, "the version is not known; write the object in " + version
	}
	return unknown, "the kind is not known"
}

// maxRefused is how many fields of one object are reported.
const maxRefused = 20

// converted returns an object in the current version of its kind, as its author would write it: without the annotations in which
// stored objects keep fields that the version does not have. It returns the errors for fields that an author must replace.
func converted(raw []byte, kind string) (map[string]any, []*convert.FieldError, error) {
	object, err := decodeObject(raw)
	if err != nil {
		return nil, nil, err
	}
	before, err := decodeObject(raw)
	if err != nil {
		return nil, nil, err
	}
	if err := convert.Convert(object, current()[kind]); err != nil {
		return nil, nil, err
	}
	refused := convert.Refused(object, maxRefused)
	withoutKept(object, before)
	return object, refused, nil
}

// withoutKept removes the annotations that the conversion has added.
func withoutKept(object, before map[string]any) {
	metadata, _ := object["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	metadataBefore, _ := before["metadata"].(map[string]any)
	annotationsBefore, _ := metadataBefore["annotations"].(map[string]any)
	for _, key := range convert.Annotations() {
		delete(annotations, key)
		if value, ok := annotationsBefore[key]; ok {
			annotations[key] = value
		}
	}
	if _, had := metadataBefore["annotations"]; !had && annotations != nil && len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	if _, had := before["metadata"]; !had && len(metadata) == 0 {
		delete(object, "metadata")
	}
}

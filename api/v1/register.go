package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group. Existing Tasks and clients use this group.
const GroupName = "tekton.dev"

// GroupVersion is the group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1"}

// KindTask and the others are the kinds, as they are written in ownerReferences, taskRef.kind and childReferences.
const (
	KindTask        = "Task"
	KindTaskRun     = "TaskRun"
	KindPipeline    = "Pipeline"
	KindPipelineRun = "PipelineRun"
)

// AddToScheme registers the types of this package in s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion,
		&Task{}, &TaskList{},
		&TaskRun{}, &TaskRunList{},
		&Pipeline{}, &PipelineList{},
		&PipelineRun{}, &PipelineRunList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

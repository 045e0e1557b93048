package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// GroupVersion is the group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: v1.GroupName, Version: "v1beta1"}

// KindStepAction is the kind that a step's ref refers to, and KindCustomRun that of the runs of custom tasks.
const (
	KindStepAction = "StepAction"
	KindCustomRun  = "CustomRun"
)

// AddToScheme registers the types of this package in s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &StepAction{}, &StepActionList{}, &CustomRun{}, &CustomRunList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

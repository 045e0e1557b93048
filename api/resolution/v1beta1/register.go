package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupName is the API group of requests to resolvers. Existing resolvers watch this group.
const GroupName = "resolution.tekton.dev"

// KindResolutionRequest is the only kind of the group.
const KindResolutionRequest = "ResolutionRequest"

// CRDName is the name of the CustomResourceDefinition of ResolutionRequests.
const CRDName = "resolutionrequests." + GroupName

// GroupVersion is the group and version of every type in this package.
var GroupVersion = schema.GroupVersion{Group: GroupName, Version: "v1beta1"}

// AddToScheme registers the types of this package in s.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &ResolutionRequest{}, &ResolutionRequestList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}

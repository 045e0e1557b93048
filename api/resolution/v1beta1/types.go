package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// ResolutionRequest asks the resolver that its label resolution.tekton.dev/type names for a definition: a Task, a Pipeline or a
// StepAction. The resolver writes its answer into the status.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories={tekton,tekton-pipelines}
// +kubebuilder:printcolumn:name="OwnerKind",type=string,JSONPath=`.metadata.ownerReferences[0].kind`
// +kubebuilder:printcolumn:name="Owner",type=string,JSONPath=`.metadata.ownerReferences[0].name`
// +kubebuilder:printcolumn:name="Succeeded",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="StartTime",type=string,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="EndTime",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].lastTransitionTime`
type ResolutionRequest struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the resolver must fetch.
	// +optional
	Spec ResolutionRequestSpec `json:"spec,omitempty"`
	// Status is the answer of the resolver.
	// +optional
	Status *ResolutionRequestStatus `json:"status,omitempty"`
}

// ResolutionRequestList is a list of ResolutionRequests.
//
// +kubebuilder:object:root=true
type ResolutionRequestList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResolutionRequest `json:"items"`
}

// ResolutionRequestSpec is what the resolver must fetch.
type ResolutionRequestSpec struct {
	// Params of the reference, with their variables substituted. Each resolver has its own.
	// +optional
	// +listType=atomic
	Params []v1.Param `json:"params,omitempty"`
	// URL that a reference gives in place of params. The controller does not set it.
	// +optional
	URL string `json:"url,omitempty"`
}

// ResolutionRequestStatus is the answer of the resolver. Data, refSource and source are always encoded, because the CRD of Tekton
// requires them in every status.
type ResolutionRequestStatus struct {
	// Conditions has the condition of type Succeeded: Unknown or absent until the resolver has answered.
	// +optional
	// +listType=atomic
	Conditions []Condition `json:"conditions,omitempty"`
	// ObservedGeneration is the generation of the request that the resolver has read.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Annotations describe the answer, such as its content type.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Data is the YAML or JSON of the definition, in base64.
	// +optional
	Data string `json:"data"`
	// Source is an earlier name of refSource.
	// +optional
	// +nullable
	Source *v1.RefSource `json:"source"`
	// RefSource is the place that the definition was fetched from.
	// +optional
	// +nullable
	RefSource *v1.RefSource `json:"refSource"`
}

// Condition is the state of a ResolutionRequest. Unlike a condition of a run, it needs no reason and no time, because existing
// resolvers write conditions without them.
type Condition struct {
	// Type of the condition, such as Succeeded.
	Type string `json:"type"`
	// Status is True, False or Unknown.
	Status metav1.ConditionStatus `json:"status"`
	// Severity of a condition that is False. It has no meaning for Succeeded.
	// +optional
	Severity string `json:"severity,omitempty"`
	// LastTransitionTime is when the status last changed.
	// +optional
	// +nullable
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitzero"`
	// Reason for the status, one word.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Message for people.
	// +optional
	Message string `json:"message,omitempty"`
}

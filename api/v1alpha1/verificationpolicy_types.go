package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Mode is what happens to a run that uses a definition without a valid signature.
//
// +kubebuilder:validation:Enum=enforce;warn;""
type Mode string

// The modes of a policy. The empty mode is ModeEnforce.
const (
	// ModeEnforce: the run fails.
	ModeEnforce Mode = "enforce"
	// ModeWarn: the run continues, with a condition and a line in the log of the controller.
	ModeWarn Mode = "warn"
)

// VerificationPolicy says which definitions from other places must be signed, and by which keys. It applies to the runs of its
// namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:resource:categories={tekton,tekton-pipelines}
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type VerificationPolicy struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what must be signed, and by which keys.
	// +required
	Spec VerificationPolicySpec `json:"spec,omitempty"`
}

// VerificationPolicyList is a list of VerificationPolicies.
//
// +kubebuilder:object:root=true
type VerificationPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VerificationPolicy `json:"items"`
}

// VerificationPolicySpec is what must be signed, and by which keys.
type VerificationPolicySpec struct {
	// Resources are the sources of definitions to which the policy applies. One that matches is enough.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Resources []ResourcePattern `json:"resources,omitempty"`
	// Authorities are the keys. A signature of one of them is enough.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Authorities []Authority `json:"authorities,omitempty"`
	// Mode is what happens to a run that uses a definition without a valid signature: enforce (default) fails it, warn lets it
	// continue.
	// +optional
	Mode Mode `json:"mode,omitempty"`
}

// ResourcePattern selects sources of definitions.
type ResourcePattern struct {
	// Pattern is a regular expression (RE2) for the whole URI of a source, as the resolver reports it in refSource. The prefix
	// "git+" of a URI is not part of what is compared.
	// +required
	// +kubebuilder:validation:MaxLength=4096
	Pattern string `json:"pattern"`
}

// Authority is a key whose signatures are valid.
type Authority struct {
	// Name of the authority, for messages.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Key is the public key.
	// +optional
	Key *KeyRef `json:"key,omitempty"`
}

// KeyRef is a public key: exactly one of data, secretRef and kms.
type KeyRef struct {
	// Data is the public key itself, in PEM.
	// +optional
	// +kubebuilder:validation:MaxLength=16384
	Data string `json:"data,omitempty"`
	// SecretRef names a Secret with one key, whose value is the public key in PEM. Without a namespace it is that of the policy.
	// +optional
	SecretRef *corev1.SecretReference `json:"secretRef,omitempty"`
	// KMS is the URI of a key in a key management service. No such service is supported: a policy with it is refused.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	KMS string `json:"kms,omitempty"`
	// HashAlgorithm is the hash of the signature: sha224, sha256 (default), sha384 or sha512.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	HashAlgorithm string `json:"hashAlgorithm,omitempty"`
}

// Package v1alpha1 holds the tekton.dev/v1alpha1 API: the Go type of VerificationPolicy, which says which signatures
// definitions from other places must have.
//
// +kubebuilder:object:generate=true
// +groupName=tekton.dev
package v1alpha1

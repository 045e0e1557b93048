// Package v1beta1 holds the resolution.tekton.dev/v1beta1 API: the Go type of ResolutionRequest, through which the controller
// asks a resolver for a definition. The types of its params and of the source are those of package api/v1.
//
// +kubebuilder:object:generate=true
// +groupName=resolution.tekton.dev
package v1beta1

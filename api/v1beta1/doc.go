// Package v1beta1 holds the tekton.dev/v1beta1 API: the Go type of StepAction, with its defaults and validation. The
// types of its fields, such as params and results, are those of package v1.
//
// +kubebuilder:object:generate=true
// +groupName=tekton.dev
package v1beta1

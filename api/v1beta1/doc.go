// Package v1beta1 holds the tekton.dev/v1beta1 API: the Go type of StepAction, with its defaults and validation. What it
// is made of, params, results and the like, is that of package v1.
//
// +kubebuilder:object:generate=true
// +groupName=tekton.dev
package v1beta1

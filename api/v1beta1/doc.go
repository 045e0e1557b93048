// Package v1beta1 holds the tekton.dev/v1beta1 API: the Go types of StepAction and CustomRun. The types of their fields, such
// as params and workspaces, are those of package v1.
//
// +kubebuilder:object:generate=true
// +groupName=tekton.dev
package v1beta1

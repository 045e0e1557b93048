// Package v1 holds the tekton.dev/v1 API: the Go types of Task, TaskRun, Pipeline and PipelineRun, their defaults,
// validation, conditions, reasons, labels and annotations.
//
// Everything here is a value or a pure function; nothing talks to a cluster. Each field that can be written by a user
// decodes from whatever the CRD's schema lets through: an object that the API server stores but a client cannot decode
// would stop that client's watch, and with it every other run.
//
// +kubebuilder:object:generate=true
// +groupName=tekton.dev
package v1

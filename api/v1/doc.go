// Package v1 holds the tekton.dev/v1 API: the Go types of Task, TaskRun, Pipeline and PipelineRun, their
// conditions, reasons, labels and annotations. Defaults and rules are those of internal/validation.
//
// Everything here is a value or a pure function; nothing talks to a cluster. Each field that can be written by a user
// decodes from whatever the CRD's schema lets through: an object that the API server stores but a client cannot decode
// would stop that client's watch, and with it every other run.
//
// Lists whose members have names are keyed by them (listType=map): the API server itself refuses a name given twice.
// Bounds on the number of members (100 steps, 1000 tasks, …) are far above use; they are there because the API server
// admits a validation rule only when its worst cost, over the longest lists, is known. For the same reason the rules about
// the names of steps stand on the specs of Task and TaskRun and not on TaskSpec, and tools/crdfinish takes those about
// mounts out of the kinds that hold pipelines: over the tasks of a pipeline their worst cost is more than it admits, and
// validation refuses the same.
//
// +kubebuilder:object:generate=true
// +groupName=tekton.dev
package v1

// Package v1 holds the tekton.dev/v1 API: the Go types of Task, TaskRun, Pipeline and PipelineRun, and their
// conditions, reasons, labels and annotations. Defaults and validation are in internal/validation.
//
// Everything here is a value or a pure function; nothing calls a cluster. Each field that a user can write decodes
// from every value that the CRD's schema accepts. If the API server stored an object that a client cannot decode,
// that client's watch would stop, and with it every other run.
//
// Lists of a spec are atomic, as in Tekton, also those whose members have names. The API server would need quadratic time, and
// more bytes than the object, to record the owner of each member of a list with keys. Validation refuses duplicate names.
// The limits on the number of members (100 steps, 1000 tasks, …) are far above practical use. They exist because the
// API server accepts a validation rule only if it can compute the rule's highest cost, over the longest lists.
//
// The cost limit of the API server has two more consequences. The rules about names of steps are on the specs of Task
// and TaskRun, not on TaskSpec. For the kinds that hold pipelines, tools/crdfinish removes the rules about mounts,
// because their cost over the tasks of a pipeline is above the limit. Validation refuses the same objects.
//
// +kubebuilder:object:generate=true
// +groupName=tekton.dev
package v1

package v1

// Labels that runs and pods carry, so that clients can select them.
const (
	LabelTask           = GroupName + "/task"
	LabelTaskRun        = GroupName + "/taskRun"
	LabelTaskRunUID     = GroupName + "/taskRunUID"
	LabelPipeline       = GroupName + "/pipeline"
	LabelPipelineRun    = GroupName + "/pipelineRun"
	LabelPipelineRunUID = GroupName + "/pipelineRunUID"
	LabelPipelineTask   = GroupName + "/pipelineTask"
	LabelMemberOf       = GroupName + "/memberOf"
	LabelManagedBy      = "app.kubernetes.io/managed-by"
	// LabelCoschedule has the same value on all pods of a PipelineRun that must run on one node.
	LabelCoschedule = "sluice.dev/coschedule"
	// LabelTaskDigest on a pod tells which task it was made from: the start of the SHA-256 of the resolved TaskSpec.
	LabelTaskDigest = "sluice.dev/task-digest"
)

// Values of labels.
const (
	// ManagedBy is the value of LabelManagedBy on everything that a controller of this project creates. It is the name
	// that existing clients select by.
	ManagedBy = "tekton-pipelines"
	// MemberOfTasks is the value of LabelMemberOf on a TaskRun of a pipeline's tasks.
	MemberOfTasks = "tasks"
	// MemberOfFinally is the value of LabelMemberOf on a TaskRun of a task of finally.
	MemberOfFinally = "finally"
)

// ReservedSidecarName is the sidecar that carries results; a Task must not name one of its own so.
const ReservedSidecarName = "tekton-log-results"

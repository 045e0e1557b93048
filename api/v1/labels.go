package v1

// LabelTask and the others are the labels of runs and pods, by which clients select them.
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
	// LabelTaskDigest on a pod identifies the task it was made from: the start of the SHA-256 of the resolved
	// TaskSpec.
	LabelTaskDigest = "sluice.dev/task-digest"
	// LabelEngine on a namespace selects the controller of the runs that are created there, where Sluice runs beside another
	// controller. EngineSluice is its only value.
	LabelEngine = "sluice.dev/engine"
)

// Values of labels.
const (
	// ManagedBy is the value of LabelManagedBy on every object that a controller of this project creates. Existing
	// clients select by this value.
	ManagedBy = "tekton-pipelines"
	// MemberOfTasks is the value of LabelMemberOf on the TaskRun of a task in tasks.
	MemberOfTasks = "tasks"
	// MemberOfFinally is the value of LabelMemberOf on the TaskRun of a task in finally.
	MemberOfFinally = "finally"
	// EngineSluice is the value of LabelEngine on a namespace whose new runs Sluice runs.
	EngineSluice = "sluice"
)

// ReservedSidecarName is the name of the sidecar that transports results. A Task must not use it for a sidecar.
const ReservedSidecarName = "tekton-log-results"

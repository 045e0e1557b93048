package v1

// Reasons of a TaskRun's Succeeded condition. Each is an identifier that clients may match; the message beside it says
// what happened to this run and what to do.
const (
	// TaskRunReasonStarted: the run has been seen, its pod not yet made.
	TaskRunReasonStarted = "Started"
	// TaskRunReasonPending: the pod exists and its steps cannot start yet; the message says why.
	TaskRunReasonPending = "Pending"
	// TaskRunReasonRunning: steps are running, or their results are being collected.
	TaskRunReasonRunning = "Running"
	// TaskRunReasonSucceeded: every step ended well and every result that was written is in the status, whole.
	TaskRunReasonSucceeded = "Succeeded"
	// TaskRunReasonFailed: a step ended with a failure; the message names it.
	TaskRunReasonFailed = "Failed"
	// TaskRunReasonTimedOut: the run took longer than spec.timeout.
	TaskRunReasonTimedOut = "TaskRunTimeout"
	// TaskRunReasonImagePullFailed: an image of the pod cannot be pulled.
	TaskRunReasonImagePullFailed = "TaskRunImagePullFailed"
	// TaskRunReasonValidationFailed: the run, its task or a result is not valid; the message names field and value.
	TaskRunReasonValidationFailed = "TaskRunValidationFailed"
	// TaskRunReasonResolutionFailed: the Task that the run refers to cannot be had.
	TaskRunReasonResolutionFailed = "TaskRunResolutionFailed"
	// TaskRunReasonPodCreationFailed: the API server refuses the pod.
	TaskRunReasonPodCreationFailed = "PodCreationFailed"
	// TaskRunReasonPodEvicted: the kubelet evicted the pod.
	TaskRunReasonPodEvicted = "PodEvicted"
	// TaskRunReasonPodDeleted: the pod went away before the run had ended.
	TaskRunReasonPodDeleted = "PodDeleted"
	// TaskRunReasonStepOOM: a step used more memory than its limit.
	TaskRunReasonStepOOM = "StepOOM"
	// TaskRunReasonSidecarOOM: a step failed, and a sidecar had used more memory than its limit.
	TaskRunReasonSidecarOOM = "SidecarOOM"
	// TaskRunReasonCancelled: the run was cancelled by spec.status.
	TaskRunReasonCancelled = "TaskRunCancelled"
	// TaskRunReasonToBeRetried: an attempt has failed, and the next one is about to begin.
	TaskRunReasonToBeRetried = "ToBeRetried"
	// TaskRunReasonExceededResourceQuota: a quota keeps the pod from being made; it is tried again.
	TaskRunReasonExceededResourceQuota = "ExceededResourceQuota"
	// TaskRunReasonExceededNodeResources: no node has room for the pod.
	TaskRunReasonExceededNodeResources = "ExceededNodeResources"
	// TaskRunReasonPullImageFailed: an image could not be pulled, and is tried again.
	TaskRunReasonPullImageFailed = "PullImageFailed"
	// TaskRunReasonContainerConfigError: a container cannot be made, as when a Secret that it names is not there.
	TaskRunReasonContainerConfigError = "CreateContainerConfigError"
	// TaskRunReasonClaimCreationFailed: the API server refuses the claim of a workspace.
	TaskRunReasonClaimCreationFailed = "CouldntCreateWorkspacePVC"
	// TaskRunReasonResultTooLarge: a result is over max-result-size, or all results together do not fit the object.
	TaskRunReasonResultTooLarge = "TaskRunResultLargerThanAllowedLimit"
)

// Reasons that this project adds; the peers have no word for what they say.
const (
	// TaskRunReasonResultsUnavailable: the steps ended, but their results could not be read whole. The message says
	// what was tried; the pod stays for inspection.
	TaskRunReasonResultsUnavailable = "TaskRunResultsUnavailable"
	// TaskRunReasonResultNotUTF8: a result holds bytes that an API string cannot hold.
	TaskRunReasonResultNotUTF8 = "TaskRunResultNotUTF8"
	// TaskRunReasonResultUnreadable: what lies at a result's path is not a file that can be read.
	TaskRunReasonResultUnreadable = "TaskRunResultUnreadable"
	// TaskRunReasonResultsLogAccessDenied: results-from is sidecar-logs and the controller may not read pod logs.
	TaskRunReasonResultsLogAccessDenied = "TaskRunResultsLogAccessDenied"
)

// Reasons of a PipelineRun's Succeeded condition.
const (
	// PipelineRunReasonStarted: the run has been seen, no task started yet.
	PipelineRunReasonStarted = "Started"
	// PipelineRunReasonRunning: tasks are running.
	PipelineRunReasonRunning = "Running"
	// PipelineRunReasonSucceeded: every task succeeded.
	PipelineRunReasonSucceeded = "Succeeded"
	// PipelineRunReasonFailed: a task failed; the message names it.
	PipelineRunReasonFailed = "Failed"
	// PipelineRunReasonCouldntGetPipeline: the Pipeline that the run refers to cannot be had.
	PipelineRunReasonCouldntGetPipeline = "CouldntGetPipeline"
	// PipelineRunReasonCouldntGetTask: a Task that the Pipeline refers to cannot be had.
	PipelineRunReasonCouldntGetTask = "CouldntGetTask"
	// PipelineRunReasonParameterMissing: a param without a default has no value.
	PipelineRunReasonParameterMissing = "ParameterMissing"
	// PipelineRunReasonParameterTypeMismatch: a param's value is not of the declared type.
	PipelineRunReasonParameterTypeMismatch = "ParameterTypeMismatch"
	// PipelineRunReasonInvalidGraph: the tasks do not form a graph that can be run.
	PipelineRunReasonInvalidGraph = "PipelineInvalidGraph"
	// PipelineRunReasonInvalidTaskResultReference: a task refers to a result that its task did not produce.
	PipelineRunReasonInvalidTaskResultReference = "InvalidTaskResultReference"
	// PipelineRunReasonValidationFailed: the run or its pipeline is not valid; the message names field and value.
	PipelineRunReasonValidationFailed = "PipelineValidationFailed"
	// PipelineRunReasonResultTooLarge: results passed on, or the pipeline's own, do not fit the object that needs them.
	PipelineRunReasonResultTooLarge = "PipelineRunResultLargerThanAllowedLimit"
)

// Reasons for which a task of a pipeline will not run, as they stand in status.skippedTasks.
const (
	// SkipReasonStopping: another task failed before this one could start.
	SkipReasonStopping = "PipelineRun was stopping"
	// SkipReasonMissingResults: a result that it refers to was not produced.
	SkipReasonMissingResults = "Results were missing"
)

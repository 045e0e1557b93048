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

// Reasons that speak of signed results: of the Succeeded condition, and of the condition SignedResultsVerified where it is
// True. Where it is False, its reasons are those of the package verdict.
const (
	// TaskRunReasonResultsVerificationFailed: the results are not those that the steps signed; the message names the step
	// and the result.
	TaskRunReasonResultsVerificationFailed = "TaskRunResultsVerificationFailed"
	// SignedResultsReasonVerified: the results are those that the steps signed.
	SignedResultsReasonVerified = "TaskRunResultsVerified"
)

// Reasons that this project adds; the peers have no word for what they say.
const (
	// TaskRunReasonResultsUnavailable: the steps ended, but their results could not be read whole. The message says
	// what was tried; the pod stays for inspection.
	TaskRunReasonResultsUnavailable = "TaskRunResultsUnavailable"
	// TaskRunReasonResultNotUTF8: a result holds bytes that an API string cannot hold.
	TaskRunReasonResultNotUTF8 = "TaskRunResultNotUTF8"
	// TaskRunReasonResultsSigningUnavailable: results are to be signed, and the controller has not been given what that
	// takes.
	TaskRunReasonResultsSigningUnavailable = "TaskRunResultsSigningUnavailable"
	// TaskRunReasonResultUnreadable: what lies at a result's path is not a file that can be read.
	TaskRunReasonResultUnreadable = "TaskRunResultUnreadable"
	// TaskRunReasonInternalError: the controller panicked while it worked on the run. While it tries again the condition is
	// Unknown; after some times it gives the run up.
	TaskRunReasonInternalError = "InternalError"
	// TaskRunReasonStatusRefused: the API server will never take the run's status, for another cause than its size. The
	// message has the API server's words.
	TaskRunReasonStatusRefused = "StatusRefused"
	// TaskRunReasonResultsLogAccessDenied: results-from is sidecar-logs and the controller may not read pod logs.
	TaskRunReasonResultsLogAccessDenied = "TaskRunResultsLogAccessDenied"
)

// Reasons of a PipelineRun's Succeeded condition.
const (
	// PipelineRunReasonStarted: the run has been seen, no task started yet.
	PipelineRunReasonStarted = "Started"
	// PipelineRunReasonRunning: tasks are running.
	PipelineRunReasonRunning = "Running"
	// PipelineRunReasonPending: spec.status holds the run; it has not started.
	PipelineRunReasonPending = "PipelineRunPending"
	// PipelineRunReasonStopping: a task failed; those that run may finish, and no other starts.
	PipelineRunReasonStopping = "PipelineRunStopping"
	// PipelineRunReasonCancelledRunningFinally: the run was cancelled, and its tasks of finally are still to end.
	PipelineRunReasonCancelledRunningFinally = "CancelledRunningFinally"
	// PipelineRunReasonStoppedRunningFinally: the run was stopped, and its tasks of finally are still to end.
	PipelineRunReasonStoppedRunningFinally = "StoppedRunningFinally"
	// PipelineRunReasonSucceeded: every task succeeded.
	PipelineRunReasonSucceeded = "Succeeded"
	// PipelineRunReasonCompleted: every task that was to run succeeded, and others were skipped.
	PipelineRunReasonCompleted = "Completed"
	// PipelineRunReasonFailed: a task failed; the message names it.
	PipelineRunReasonFailed = "Failed"
	// PipelineRunReasonCancelled: the run, or one of its TaskRuns, was cancelled.
	PipelineRunReasonCancelled = "Cancelled"
	// PipelineRunReasonTimedOut: the run, or a part of it, took longer than it may.
	PipelineRunReasonTimedOut = "PipelineRunTimeout"
	// PipelineRunReasonCreateRunFailed: the API server refuses the TaskRun of a task.
	PipelineRunReasonCreateRunFailed = "CreateRunFailed"
	// PipelineRunReasonClaimCreationFailed: the API server refuses the claim of a workspace.
	PipelineRunReasonClaimCreationFailed = "CouldntCreateWorkspacePVC"
	// PipelineRunReasonInvalidTaskRunSpecs: spec.taskRunSpecs names a task that the pipeline does not have.
	PipelineRunReasonInvalidTaskRunSpecs = "InvalidTaskRunSpecs"
	// PipelineRunReasonCouldntGetPipeline: the Pipeline that the run refers to cannot be had.
	PipelineRunReasonCouldntGetPipeline = "CouldntGetPipeline"
	// PipelineRunReasonCouldntGetTask: a Task that the Pipeline refers to cannot be had.
	PipelineRunReasonCouldntGetTask = "CouldntGetTask"
	// PipelineRunReasonParameterMissing: a param without a default has no value.
	PipelineRunReasonParameterMissing = "ParameterMissing"
	// PipelineRunReasonParameterTypeMismatch: a param's value is not of the declared type.
	PipelineRunReasonParameterTypeMismatch = "ParameterTypeMismatch"
	// PipelineRunReasonInvalidParamValue: a param's value is none of those that its enum lists.
	PipelineRunReasonInvalidParamValue = "InvalidParamValue"
	// PipelineRunReasonInvalidGraph: the tasks do not form a graph that can be run.
	PipelineRunReasonInvalidGraph = "PipelineInvalidGraph"
	// PipelineRunReasonInvalidTaskResultReference: a task refers to a result that its task did not produce.
	PipelineRunReasonInvalidTaskResultReference = "InvalidTaskResultReference"
	// PipelineRunReasonValidationFailed: the run or its pipeline is not valid; the message names field and value.
	PipelineRunReasonValidationFailed = "PipelineValidationFailed"
	// PipelineRunReasonInternalError: the controller panicked while it worked on the run, as TaskRunReasonInternalError.
	PipelineRunReasonInternalError = "InternalError"
	// PipelineRunReasonStatusRefused: the API server will never take the run's status, as TaskRunReasonStatusRefused.
	PipelineRunReasonStatusRefused = "StatusRefused"
	// PipelineRunReasonResultTooLarge: results passed on, or the pipeline's own, do not fit the object that needs them.
	PipelineRunReasonResultTooLarge = "PipelineRunResultLargerThanAllowedLimit"
)

// Reasons for which a task of a pipeline will not run, as they stand in status.skippedTasks. With these the run can still
// succeed, or ends for a reason of its own.
const (
	// SkipReasonWhen: its when expressions do not hold.
	SkipReasonWhen = "When Expressions evaluated to false"
	// SkipReasonParents: a task that it waits for was skipped, for another reason than its when expressions.
	SkipReasonParents = "Parent Tasks were skipped"
	// SkipReasonEmptyMatrix: a param of its matrix is an empty array.
	SkipReasonEmptyMatrix = "Matrix Parameters have an empty array"
	// SkipReasonMissingResults: a result that it refers to was not produced. That fails the run, unless the task is one of
	// finally or has onError: continue, or the one that would have produced the result was skipped.
	SkipReasonMissingResults = "Results were missing"
	// SkipReasonStopping: another task failed, or the run was cancelled, before this one could start.
	SkipReasonStopping = "PipelineRun was stopping"
	// SkipReasonGracefullyCancelled: the run was cancelled by CancelledRunFinally.
	SkipReasonGracefullyCancelled = "PipelineRun was gracefully cancelled"
	// SkipReasonGracefullyStopped: the run was stopped by StoppedRunFinally.
	SkipReasonGracefullyStopped = "PipelineRun was gracefully stopped"
	// SkipReasonTimedOut: timeouts.pipeline has passed.
	SkipReasonTimedOut = "PipelineRun timeout has been reached"
	// SkipReasonTasksTimedOut: timeouts.tasks has passed.
	SkipReasonTasksTimedOut = "PipelineRun Tasks timeout has been reached"
	// SkipReasonFinallyTimedOut: timeouts.finally has passed.
	SkipReasonFinallyTimedOut = "PipelineRun Finally timeout has been reached"
)

// Reasons for which a task could not be started, so that the run fails. This project adds them.
const (
	// SkipReasonUnusableResults: a result that it refers to has not the part, or the type, that is asked for.
	SkipReasonUnusableResults = "Results could not be used"
	// SkipReasonTooLargeResults: its TaskRun, with the results that it takes, would be larger than an object can be.
	SkipReasonTooLargeResults = "Results were too large"
	// SkipReasonInvalid: with the values that the run gives it is not valid.
	SkipReasonInvalid = "Task was not valid"
	// SkipReasonRefused: the API server refuses its TaskRun.
	SkipReasonRefused = "TaskRun could not be created"
	// SkipReasonClaimRefused: the API server refuses the claim of a workspace.
	SkipReasonClaimRefused = "PersistentVolumeClaim could not be created"
)

// How a task of a pipeline has ended, as $(tasks.<task>.status) and $(tasks.status) tell it.
const (
	// TaskStatusSucceeded: it succeeded.
	TaskStatusSucceeded = "Succeeded"
	// TaskStatusFailed: it failed, or was cancelled by its user.
	TaskStatusFailed = "Failed"
	// TaskStatusNone: it was skipped; for all tasks, nothing better can be said.
	TaskStatusNone = "None"
	// TaskStatusCompleted: of all tasks, some were skipped, and none failed.
	TaskStatusCompleted = "Completed"
	// TaskReasonFailureIgnored is $(tasks.<task>.reason) of a task that failed and has onError: continue.
	TaskReasonFailureIgnored = "FailureIgnored"
)

// What a TaskRun is told, in spec.statusMessage, when the PipelineRun above it ends it.
const (
	// TaskRunCancelledByPipelineRun: the PipelineRun was cancelled.
	TaskRunCancelledByPipelineRun TaskRunSpecStatusMessage = "cancelled: the PipelineRun that it belongs to was cancelled"
	// TaskRunGivenUpByPipelineRun: the controller has given the PipelineRun up.
	TaskRunGivenUpByPipelineRun TaskRunSpecStatusMessage = "cancelled: the controller cannot go on with the PipelineRun that it belongs to"
	// TaskRunTimedOutByPipelineRun: the PipelineRun, or the part of it that the task is in, took longer than it may.
	TaskRunTimedOutByPipelineRun TaskRunSpecStatusMessage = "cancelled: the PipelineRun that it belongs to has timed out"
)

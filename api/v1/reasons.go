package v1

// Reasons of a TaskRun's Succeeded condition. Each is an identifier that clients may match. The message of the
// condition says what happened to this run and what to do.
const (
	// TaskRunReasonStarted: the controller has accepted the run, and has not created its pod yet.
	TaskRunReasonStarted = "Started"
	// TaskRunReasonPending: the pod exists and its steps cannot start yet; the message gives the cause.
	TaskRunReasonPending = "Pending"
	// TaskRunReasonHeld: spec.status holds the run; it has not started.
	TaskRunReasonHeld = "TaskRunPending"
	// TaskRunReasonResolvingTaskRef: the run waits for a resolver to fetch its Task.
	TaskRunReasonResolvingTaskRef = "ResolvingTaskRef"
	// TaskRunReasonResolvingStepActionRef: the run waits for a resolver to fetch a StepAction of its task.
	TaskRunReasonResolvingStepActionRef = "ResolvingStepActionRef"
	// TaskRunReasonRunning: steps are running, or their results are being collected.
	TaskRunReasonRunning = "Running"
	// TaskRunReasonSucceeded: every step succeeded, and the status holds every result that was written, whole.
	TaskRunReasonSucceeded = "Succeeded"
	// TaskRunReasonFailed: a step failed; the message names it.
	TaskRunReasonFailed = "Failed"
	// TaskRunReasonFailureIgnored: the run failed, and its task in the pipeline has onError: continue, so that its PipelineRun
	// continues; the message says why it failed.
	TaskRunReasonFailureIgnored = "FailureIgnored"
	// TaskRunReasonTimedOut: the run took longer than spec.timeout.
	TaskRunReasonTimedOut = "TaskRunTimeout"
	// TaskRunReasonImagePullFailed: an image of the pod cannot be pulled.
	TaskRunReasonImagePullFailed = "TaskRunImagePullFailed"
	// TaskRunReasonValidationFailed: the run, its task or a result is not valid; the message names field and value.
	TaskRunReasonValidationFailed = "TaskRunValidationFailed"
	// TaskRunReasonResolutionFailed: the Task that the run refers to cannot be fetched.
	TaskRunReasonResolutionFailed = "TaskRunResolutionFailed"
	// TaskRunReasonPodCreationFailed: the API server refuses the pod.
	TaskRunReasonPodCreationFailed = "PodCreationFailed"
	// TaskRunReasonPodAdmissionFailed: Pod Security, or a security context constraint, refuses the pod.
	TaskRunReasonPodAdmissionFailed = "PodAdmissionFailed"
	// TaskRunReasonInvalidParamValue: a param's value is not in its enum.
	TaskRunReasonInvalidParamValue = "InvalidParamValue"
	// TaskRunReasonInitContainerFailed: a container that prepares the pod failed, so that no step could start.
	TaskRunReasonInitContainerFailed = "InitContainerFailed"
	// TaskRunReasonInitContainerOOM: a container that prepares the pod used more memory than its limit.
	TaskRunReasonInitContainerOOM = "InitContainerOOM"
	// TaskRunReasonPodEvicted: the kubelet evicted the pod.
	TaskRunReasonPodEvicted = "PodEvicted"
	// TaskRunReasonPodDeleted: the pod was deleted before the run had ended.
	TaskRunReasonPodDeleted = "PodDeleted"
	// TaskRunReasonStepOOM: a step used more memory than its limit.
	TaskRunReasonStepOOM = "StepOOM"
	// TaskRunReasonSidecarOOM: a step failed, and a sidecar had used more memory than its limit.
	TaskRunReasonSidecarOOM = "SidecarOOM"
	// TaskRunReasonCancelled: the run was cancelled by spec.status.
	TaskRunReasonCancelled = "TaskRunCancelled"
	// TaskRunReasonToBeRetried: an attempt has failed, and the next one will start.
	TaskRunReasonToBeRetried = "ToBeRetried"
	// TaskRunReasonExceededResourceQuota: a quota does not allow the pod; the controller retries.
	TaskRunReasonExceededResourceQuota = "ExceededResourceQuota"
	// TaskRunReasonExceededNodeResources: no node has room for the pod.
	TaskRunReasonExceededNodeResources = "ExceededNodeResources"
	// TaskRunReasonPullImageFailed: an image could not be pulled; the kubelet retries.
	TaskRunReasonPullImageFailed = "PullImageFailed"
	// TaskRunReasonContainerConfigError: a container cannot be created, for example because a Secret that it names is
	// missing.
	TaskRunReasonContainerConfigError = "CreateContainerConfigError"
	// TaskRunReasonClaimCreationFailed: the API server refuses the claim of a workspace.
	TaskRunReasonClaimCreationFailed = "CouldntCreateWorkspacePVC"
	// TaskRunReasonResultTooLarge: a result is larger than max-result-size, or all results together do not fit the
	// object.
	TaskRunReasonResultTooLarge = "TaskRunResultLargerThanAllowedLimit"
)

// Reasons about signed results. They are reasons of the Succeeded condition, and of the condition
// SignedResultsVerified if it is True. If SignedResultsVerified is False, its reason is one of the package
// internal/results/verify.
const (
	// TaskRunReasonResultsVerificationFailed: the results are not those that the steps signed; the message names the step
	// and the result.
	TaskRunReasonResultsVerificationFailed = "TaskRunResultsVerificationFailed"
	// SignedResultsReasonVerified: the results are those that the steps signed.
	SignedResultsReasonVerified = "TaskRunResultsVerified"
)

// Reasons about signed definitions.
const (
	// TaskRunReasonResourceVerificationFailed: a definition that a resolver found for the run has no valid signature; the message
	// names the definition, its source and the VerificationPolicy. It is a reason of the conditions Succeeded and
	// TrustedResourcesVerified.
	TaskRunReasonResourceVerificationFailed = "ResourceVerificationFailed"
	// PipelineRunReasonResourceVerificationFailed: the same of a PipelineRun.
	PipelineRunReasonResourceVerificationFailed = "ResourceVerificationFailed"
	// TrustedResourcesReasonVerified: each definition has the signatures that the VerificationPolicies require.
	TrustedResourcesReasonVerified = "ResourceVerified"
	// TrustedResourcesReasonNoPolicy: no VerificationPolicy matches the source of a definition.
	TrustedResourcesReasonNoPolicy = "NoMatchingPolicy"
)

// Reasons that this project adds, for causes that Tekton has no reason for.
const (
	// TaskRunReasonResultsUnavailable: the steps ended, but their results could not be read whole. The message lists
	// the attempts; the pod is kept for inspection.
	TaskRunReasonResultsUnavailable = "TaskRunResultsUnavailable"
	// TaskRunReasonResultNotUTF8: a result holds bytes that an API string cannot hold.
	TaskRunReasonResultNotUTF8 = "TaskRunResultNotUTF8"
	// TaskRunReasonResultsSigningUnavailable: the results must be signed, and the controller's configuration for it
	// is missing.
	TaskRunReasonResultsSigningUnavailable = "TaskRunResultsSigningUnavailable"
	// TaskRunReasonResultUnreadable: the path of a result is not a file that can be read.
	TaskRunReasonResultUnreadable = "TaskRunResultUnreadable"
	// TaskRunReasonInternalError: the controller panicked while it worked on the run. The condition is Unknown while
	// the controller retries, and False when it has stopped retrying.
	TaskRunReasonInternalError = "InternalError"
	// TaskRunReasonStatusRefused: the API server refuses the run's status permanently, and not because of its size.
	// The message quotes the API server.
	TaskRunReasonStatusRefused = "StatusRefused"
	// TaskRunReasonResultsLogAccessDenied: results-from is sidecar-logs, and the controller has no permission to read
	// pod logs.
	TaskRunReasonResultsLogAccessDenied = "TaskRunResultsLogAccessDenied"
)

// Reasons of a PipelineRun's Succeeded condition.
const (
	// PipelineRunReasonStarted: the controller has accepted the run, and no task has started yet.
	PipelineRunReasonStarted = "Started"
	// PipelineRunReasonResolvingPipelineRef: the run waits for a resolver to fetch its Pipeline.
	PipelineRunReasonResolvingPipelineRef = "ResolvingPipelineRef"
	// PipelineRunReasonResolvingTaskRef: the run waits for a resolver to fetch a Task of its pipeline.
	PipelineRunReasonResolvingTaskRef = "ResolvingTaskRef"
	// PipelineRunReasonRunning: tasks are running.
	PipelineRunReasonRunning = "Running"
	// PipelineRunReasonPending: spec.status holds the run; it has not started.
	PipelineRunReasonPending = "PipelineRunPending"
	// PipelineRunReasonStopping: a task failed; running tasks may finish, and only tasks of finally start after them.
	PipelineRunReasonStopping = "PipelineRunStopping"
	// PipelineRunReasonCancelledRunningFinally: the run was cancelled, and its tasks of finally have not ended yet.
	PipelineRunReasonCancelledRunningFinally = "CancelledRunningFinally"
	// PipelineRunReasonStoppedRunningFinally: the run was stopped, and its tasks of finally have not ended yet.
	PipelineRunReasonStoppedRunningFinally = "StoppedRunningFinally"
	// PipelineRunReasonSucceeded: every task succeeded.
	PipelineRunReasonSucceeded = "Succeeded"
	// PipelineRunReasonCompleted: some tasks were skipped, and all others succeeded.
	PipelineRunReasonCompleted = "Completed"
	// PipelineRunReasonFailed: a task failed; the message names it.
	PipelineRunReasonFailed = "Failed"
	// PipelineRunReasonCancelled: the run, or one of its TaskRuns, was cancelled.
	PipelineRunReasonCancelled = "Cancelled"
	// PipelineRunReasonTimedOut: the run, or a part of it, exceeded its timeout.
	PipelineRunReasonTimedOut = "PipelineRunTimeout"
	// PipelineRunReasonTimedOutRunningFinally: the tasks exceeded their timeout, and the tasks of finally have not ended yet.
	PipelineRunReasonTimedOutRunningFinally = "PipelineRunTimeoutRunningFinally"
	// PipelineRunReasonCreateRunFailed: the API server refuses the TaskRun of a task.
	PipelineRunReasonCreateRunFailed = "CreateRunFailed"
	// PipelineRunReasonClaimCreationFailed: the API server refuses the claim of a workspace.
	PipelineRunReasonClaimCreationFailed = "CouldntCreateWorkspacePVC"
	// PipelineRunReasonInvalidTaskRunSpecs: spec.taskRunSpecs names a task that the pipeline does not have.
	PipelineRunReasonInvalidTaskRunSpecs = "InvalidTaskRunSpecs"
	// PipelineRunReasonCouldntGetPipeline: the Pipeline that the run refers to cannot be fetched.
	PipelineRunReasonCouldntGetPipeline = "CouldntGetPipeline"
	// PipelineRunReasonCouldntGetTask: a Task that the Pipeline refers to cannot be fetched.
	PipelineRunReasonCouldntGetTask = "CouldntGetTask"
	// PipelineRunReasonParameterMissing: a param without a default has no value.
	PipelineRunReasonParameterMissing = "ParameterMissing"
	// PipelineRunReasonParameterTypeMismatch: a param's value is not of the declared type.
	PipelineRunReasonParameterTypeMismatch = "ParameterTypeMismatch"
	// PipelineRunReasonInvalidParamValue: a param's value is not in its enum.
	PipelineRunReasonInvalidParamValue = "InvalidParamValue"
	// PipelineRunReasonObjectParameterMissKeys: an object param lacks keys that are declared.
	PipelineRunReasonObjectParameterMissKeys = "ObjectParameterMissKeys"
	// PipelineRunReasonParamArrayIndexingInvalid: a task uses an element that an array param does not have.
	PipelineRunReasonParamArrayIndexingInvalid = "ParamArrayIndexingInvalid"
	// PipelineRunReasonInvalidMatrixParameterTypes: a param of a matrix does not have the type that a matrix needs.
	PipelineRunReasonInvalidMatrixParameterTypes = "InvalidMatrixParameterTypes"
	// PipelineRunReasonInvalidWorkspaceBindings: the run does not bind the workspaces that its pipeline needs.
	PipelineRunReasonInvalidWorkspaceBindings = "InvalidWorkspaceBindings"
	// PipelineRunReasonCELEvaluationFailed: a CEL expression of a task cannot be evaluated.
	PipelineRunReasonCELEvaluationFailed = "CELEvaluationFailed"
	// PipelineRunReasonInvalidPipelineResultReference: a result of the pipeline refers to a result that no task declares.
	PipelineRunReasonInvalidPipelineResultReference = "InvalidPipelineResultReference"
	// PipelineRunReasonCouldntGetPipelineResult: a result of the pipeline cannot be computed from the results of its tasks.
	PipelineRunReasonCouldntGetPipelineResult = "CouldntGetPipelineResult"
	// PipelineRunReasonInvalidGraph: the tasks do not form a valid graph.
	PipelineRunReasonInvalidGraph = "PipelineInvalidGraph"
	// PipelineRunReasonInvalidTaskResultReference: a task refers to a result that its task did not produce.
	PipelineRunReasonInvalidTaskResultReference = "InvalidTaskResultReference"
	// PipelineRunReasonValidationFailed: the run or its pipeline is not valid; the message names field and value.
	PipelineRunReasonValidationFailed = "PipelineValidationFailed"
	// PipelineRunReasonInternalError: the controller panicked while it worked on the run; see
	// TaskRunReasonInternalError.
	PipelineRunReasonInternalError = "InternalError"
	// PipelineRunReasonStatusRefused: the API server refuses the run's status permanently; see
	// TaskRunReasonStatusRefused.
	PipelineRunReasonStatusRefused = "StatusRefused"
	// PipelineRunReasonResultTooLarge: results passed to a task, or the pipeline's results, do not fit the object.
	PipelineRunReasonResultTooLarge = "PipelineRunResultLargerThanAllowedLimit"
)

// Reasons in status.skippedTasks of a task that will not run. A run with one of these can still succeed, or fails
// with another reason.
const (
	// SkipReasonWhen: the when expressions of the task are false.
	SkipReasonWhen = "When Expressions evaluated to false"
	// SkipReasonParents: a task that it depends on was skipped, for another reason than its when expressions.
	SkipReasonParents = "Parent Tasks were skipped"
	// SkipReasonEmptyMatrix: a param of its matrix is an empty array.
	SkipReasonEmptyMatrix = "Matrix Parameters have an empty array"
	// SkipReasonMissingResults: a result that it refers to was not produced. This fails the run, with three
	// exceptions: a task of finally, a task with onError: continue, and a result of a task that was skipped.
	SkipReasonMissingResults = "Results were missing"
	// SkipReasonStopping: another task failed, or the run was cancelled, before this task started.
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

// Reasons why a task could not be started, which makes the run fail. This project adds them.
const (
	// SkipReasonUnusableResults: a result that it refers to does not have the part or the type that the task needs.
	SkipReasonUnusableResults = "Results could not be used"
	// SkipReasonTooLargeResults: its TaskRun, with the results inserted, would exceed the maximum size of an object.
	SkipReasonTooLargeResults = "Results were too large"
	// SkipReasonInvalid: the task is not valid with the values that the run gives.
	SkipReasonInvalid = "Task was not valid"
	// SkipReasonRefused: the API server refuses its TaskRun.
	SkipReasonRefused = "TaskRun could not be created"
	// SkipReasonClaimRefused: the API server refuses the claim of a workspace.
	SkipReasonClaimRefused = "PersistentVolumeClaim could not be created"
)

// Outcomes of a task of a pipeline, the values of $(tasks.<task>.status) and $(tasks.status).
const (
	// TaskStatusSucceeded: the task succeeded.
	TaskStatusSucceeded = "Succeeded"
	// TaskStatusFailed: the task failed, or its user cancelled it.
	TaskStatusFailed = "Failed"
	// TaskStatusNone: the task was skipped. As $(tasks.status): none of the other values applies.
	TaskStatusNone = "None"
	// TaskStatusCompleted: only as $(tasks.status): some tasks were skipped, and none failed.
	TaskStatusCompleted = "Completed"
	// TaskReasonFailureIgnored is $(tasks.<task>.reason) of a task that failed and has onError: continue.
	TaskReasonFailureIgnored = TaskRunReasonFailureIgnored
)

// Messages in spec.statusMessage of a TaskRun that its PipelineRun ended. Clients compare the first two, to find out whether the time
// was over: their values are part of the API of Tekton.
const (
	// TaskRunCancelledByPipelineRun: the PipelineRun was cancelled.
	TaskRunCancelledByPipelineRun TaskRunSpecStatusMessage = "TaskRun cancelled as the PipelineRun it belongs to has been cancelled."
	// TaskRunTimedOutByPipelineRun: the PipelineRun, or the part of it that has the task, exceeded its timeout.
	TaskRunTimedOutByPipelineRun TaskRunSpecStatusMessage = "TaskRun cancelled as the PipelineRun it belongs to has timed out."
	// TaskRunGivenUpByPipelineRun: the controller has stopped retrying the PipelineRun.
	TaskRunGivenUpByPipelineRun TaskRunSpecStatusMessage = "cancelled: the controller cannot continue the PipelineRun that it belongs to"
)

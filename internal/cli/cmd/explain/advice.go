package explain

import (
	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Advice is what a reason means and what helps. In the texts {run} stands for the run as it is typed, {name} for its name,
// {namespace} for its namespace, {pod} for its pod, {step} for the step that failed.
type Advice struct {
	// Means is a sentence.
	Means string
	// Fix are sentences or commands, the likeliest first.
	Fix []string
}

// Of returns the advice for a reason of a run of this kind; false for a reason that is not known, as another controller
// may have.
func Of(kind, reason string) (Advice, bool) {
	table := taskAdvice()
	if kind == v1.KindPipelineRun {
		table = pipelineAdvice()
	}
	advice, ok := table[reason]
	return advice, ok
}

const (
	logs       = "sluice logs {run} --failed"
	correct    = "correct what the message names, and start the run again"
	again      = "start the run again"
	nothing    = "nothing: this is not a failure"
	waitOrLook = "wait, or see what the pod waits for: kubectl describe pod {pod} -n {namespace}"
)

// taskAdvice is for every reason of a TaskRun.
func taskAdvice() map[string]Advice {
	return map[string]Advice{
		v1.TaskRunReasonStarted: {"The run was seen, and its pod is being made.", []string{"wait: sluice logs {run} -f"}},
		v1.TaskRunReasonPending: {"The pod is there, and its steps cannot start yet.", []string{waitOrLook}},
		v1.TaskRunReasonRunning: {
			"Steps are running, or their results are being read.",
			[]string{"sluice logs {run} -f shows what they print"},
		},
		v1.TaskRunReasonSucceeded: {"Every step ended well, and every result that was written is there, whole.", []string{nothing}},
		v1.TaskRunReasonToBeRetried: {
			"An attempt has failed, and the next one is about to begin.",
			[]string{"sluice logs {run} --failed shows what the last one printed"},
		},
		v1.TaskRunReasonFailed: {
			"A step ended with a failure.",
			[]string{"see what it printed: " + logs, "a step that may fail: onError: continue; a task that may be tried again: retries"},
		},
		v1.TaskRunReasonTimedOut: {"The run took longer than it may, and was stopped.", []string{
			"see where the time went: sluice describe {run}",
			"allow more: spec.timeout of the run, or default-timeout-minutes in ConfigMap config-defaults for all",
		}},
		v1.TaskRunReasonCancelled: {
			"Somebody, or the PipelineRun above it, cancelled the run.",
			[]string{"start it again if that was not meant"},
		},
		v1.TaskRunReasonResolutionFailed: {
			"The Task, or a StepAction, that the run refers to cannot be had.",
			[]string{"create it in namespace {namespace}, or correct the name in taskRef: kubectl get tasks -n {namespace}"},
		},
		v1.TaskRunReasonValidationFailed: {"The run, its task or a result is not valid.", []string{
			correct, "check files before: sluice validate FILE"}},
		v1.TaskRunReasonPodCreationFailed: {"The API server refuses the pod.", []string{
			"the message has its words: a service account that is not there, Pod Security, an admission policy, or a field that is not valid",
			correct,
		}},
		v1.TaskRunReasonClaimCreationFailed: {"The API server refuses the claim of a workspace.", []string{
			"correct volumeClaimTemplate, or ask for less if a quota is full: kubectl get resourcequota -n {namespace}"}},
		v1.TaskRunReasonImagePullFailed: {"An image of the pod cannot be pulled.", []string{
			"correct the image's name, or give its registry's secret to the service account (imagePullSecrets)",
			"kubectl describe pod {pod} -n {namespace} has the runtime's words",
		}},
		v1.TaskRunReasonPullImageFailed: {"An image cannot be pulled for now; it is tried again.", []string{
			"wait, or correct the image's name", waitOrLook}},
		v1.TaskRunReasonContainerConfigError: {"A ConfigMap or Secret that a container's environment names is not there.", []string{
			"create it in namespace {namespace}, or correct its name in env or envFrom"}},
		v1.TaskRunReasonPodEvicted: {"The node ended the pod to help itself: it had no memory or disk left.", []string{
			"request what the steps need (computeResources), so that the pod gets a node that has it",
			"start the run again; retries does that by itself",
		}},
		v1.TaskRunReasonPodDeleted: {"Somebody deleted the pod before it was known what its steps did.", []string{again}},
		v1.TaskRunReasonInternalError: {"The controller panicked while it worked on the run, which is a mistake in Sluice.", []string{
			"look for the run's name in its log: kubectl logs -n tekton-pipelines deployment/sluice-controller", "report it, with the run"}},
		v1.TaskRunReasonStatusRefused: {"The API server refuses the run's status, so that its results could not be stored.", []string{
			"the message has its words: correct the webhook or the policy that refuses it", again}},
		v1.TaskRunReasonStepOOM: {"A step used more memory than its limit, and was killed.", []string{
			"raise computeResources.limits.memory of step {step}, or let it use less"}},
		v1.TaskRunReasonSidecarOOM: {"A step failed, and a sidecar had used more memory than its limit.", []string{
			"raise the sidecar's computeResources.limits.memory", logs}},
		v1.TaskRunReasonExceededResourceQuota: {
			"A quota of the namespace has no room for the pod; it is tried again until the timeout.",
			[]string{"wait until other pods have ended, or ask for more: kubectl describe resourcequota -n {namespace}"},
		},
		v1.TaskRunReasonExceededNodeResources: {"No node has room for the pod; it is tried again until the timeout.", []string{
			"wait, or request less: the steps' requests are added up for one pod", waitOrLook}},
		v1.TaskRunReasonResultTooLarge: {"A result is over the limit of one result, or all together do not fit the run.", []string{
			"up to 1.5 MiB: set results-from to sidecar-logs and raise max-result-size in ConfigMap feature-flags",
			"for this run alone: annotation " + v1.AnnotationResultsFrom + ": sidecar-logs",
			"what is larger still belongs into a workspace, with its digest as the result"}},
		v1.TaskRunReasonResultsUnavailable: {"The steps ended, and their results could not be read whole.", []string{
			"see what there is: kubectl logs {pod} -c sidecar-tekton-log-results -n {namespace}",
			"is the node's log rotated at less than a stream takes (containerLogMaxSize)? sluice doctor", again}},
		v1.TaskRunReasonResultNotUTF8: {"A result has bytes that the API cannot hold unchanged.", []string{
			"encode it in the step, as with base64 -w 0, and decode it where it is used"}},
		v1.TaskRunReasonResultsVerificationFailed: {"The results are not those that the steps signed when they ended.", []string{
			"the message names step and result, and the condition SignedResultsVerified why: docs/signed-results.md",
			"let one step alone write a result; look for what else could have changed it"}},
		v1.TaskRunReasonResultsSigningUnavailable: {"Results are to be signed, and the controller has not been given what that takes.", []string{
			"apply config/signed-results, or set enforce-nonfalsifiability to none in ConfigMap feature-flags"}},
		v1.TaskRunReasonResultUnreadable: {"What lies at a result's path is no plain file, cannot be read, or did not hold still.", []string{
			"write a plain file to $(results.NAME.path), once, and leave nothing running that still writes it"}},
		v1.TaskRunReasonResultsLogAccessDenied: {"Results come through logs, and the controller may not read those of this namespace.", []string{
			"grant it: kubectl apply -f config/enable-log-access-to-controller/",
			"or set results-from to termination-message in ConfigMap feature-flags",
		}},
	}
}

// pipelineAdvice is for every reason of a PipelineRun.
func pipelineAdvice() map[string]Advice {
	return map[string]Advice{
		v1.PipelineRunReasonStarted: {"The run was seen, and no task has started yet.", []string{"wait: sluice logs {run} -f"}},
		v1.PipelineRunReasonRunning: {"Tasks are running.", []string{"sluice logs {run} -f shows what they print"}},
		v1.PipelineRunReasonPending: {
			"The run is held by spec.status, and has not started.",
			[]string{"let it go: kubectl patch pipelinerun {name} -n {namespace} --type merge -p '{\"spec\":{\"status\":null}}'"},
		},
		v1.PipelineRunReasonStopping: {
			"A task failed; those that run may finish, and no other starts.",
			[]string{"see which: sluice describe {run}"},
		},
		v1.PipelineRunReasonSucceeded: {"Every task succeeded.", []string{nothing}},
		v1.PipelineRunReasonCompleted: {"Every task that was to run succeeded, and others were skipped.", []string{nothing}},
		v1.PipelineRunReasonCancelledRunningFinally: {"The run was cancelled, and its tasks of finally are still to end.", []string{
			"wait, or end these, too: sluice cancel {run}"}},
		v1.PipelineRunReasonStoppedRunningFinally: {"The run was stopped, and its tasks of finally are still to end.", []string{
			"wait, or end these, too: sluice cancel {run}"}},
		v1.PipelineRunReasonInternalError: {"The controller panicked while it worked on the run, which is a mistake in Sluice.", []string{
			"look for the run's name in its log: kubectl logs -n tekton-pipelines deployment/sluice-controller", "report it, with the run"}},
		v1.PipelineRunReasonStatusRefused: {"The API server refuses the run's status, and its TaskRuns were cancelled.", []string{
			"the message has its words: correct the webhook or the policy that refuses it", again}},
		v1.PipelineRunReasonFailed:    {"A task failed.", []string{"see what it printed: " + logs}},
		v1.PipelineRunReasonCancelled: {"Somebody cancelled the run, or one of its TaskRuns.", []string{"start it again if that was not meant"}},
		v1.PipelineRunReasonTimedOut: {"The run, or its tasks, or its finally, took longer than they may.", []string{
			"see where the time went: sluice describe {run}", "allow more: spec.timeouts of the run"}},
		v1.PipelineRunReasonCreateRunFailed: {"The API server refuses the TaskRun of a task.", []string{
			"the message has its words: a quota, an admission policy, or a webhook", correct}},
		v1.PipelineRunReasonClaimCreationFailed: {"The API server refuses the claim of a workspace.", []string{
			"correct volumeClaimTemplate, or ask for less if a quota is full: kubectl get resourcequota -n {namespace}"}},
		v1.PipelineRunReasonInvalidTaskRunSpecs: {
			"spec.taskRunSpecs names a task that the pipeline does not have.",
			[]string{"correct pipelineTaskName"},
		},
		v1.PipelineRunReasonCouldntGetPipeline: {"The Pipeline that the run refers to cannot be had.", []string{
			"create it in namespace {namespace}, or correct the name in pipelineRef: kubectl get pipelines -n {namespace}"}},
		v1.PipelineRunReasonCouldntGetTask: {"A Task that the Pipeline refers to cannot be had.", []string{
			"create it in namespace {namespace}, or correct the name in taskRef: kubectl get tasks -n {namespace}"}},
		v1.PipelineRunReasonParameterMissing: {"A param without a default has no value.", []string{
			"give it: sluice run -f FILE -p NAME=VALUE, or spec.params"}},
		v1.PipelineRunReasonParameterTypeMismatch: {"A param's value is not of the declared type.", []string{
			"give a string, an array or an object, as the pipeline declares it"}},
		v1.PipelineRunReasonInvalidParamValue: {"A param's value is none of those that its enum lists.", []string{"give one of these"}},
		v1.PipelineRunReasonInvalidGraph: {"The tasks do not form a graph that can be run: some wait for one another.", []string{
			"take a runAfter, or a use of a result, out of the circle: sluice graph FILE"}},
		v1.PipelineRunReasonInvalidTaskResultReference: {"A task refers to a result that its task did not produce.", []string{
			"let the step write the result, also when there is nothing to say (an empty file)",
			"or correct the reference: sluice results list {run}",
		}},
		v1.PipelineRunReasonValidationFailed: {"The run or its pipeline is not valid.", []string{
			correct, "check files before: sluice validate FILE"}},
		v1.PipelineRunReasonResultTooLarge: {
			"Results that are passed on, or the pipeline's own, do not fit the object that needs them.",
			[]string{
				"pass on less, or through a workspace with the digest as the result",
				"see the sizes: sluice results list {run}",
			},
		},
	}
}

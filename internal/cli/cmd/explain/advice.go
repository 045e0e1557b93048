package explain

import (
	"maps"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Advice is the meaning of a reason, and what to do. In the texts {run} is the run as a user types it, {name} its name,
// {namespace} its namespace, {pod} its pod, and {step} the failed step.
type Advice struct {
	// Means is the meaning, as a sentence.
	Means string
	// Fix has sentences or commands, the most likely first.
	Fix []string
}

// Of returns the advice for a reason of a run of this kind; false for an unknown reason, for example of another controller.
func Of(kind, reason string) (Advice, bool) {
	table := taskAdvice()
	if kind == v1.KindPipelineRun {
		table = pipelineAdvice()
	}
	advice, ok := table[reason]
	return advice, ok
}

const (
	logs            = "sluice logs {run} --failed"
	correct         = "correct the error in the message, and start the run again"
	again           = "start the run again"
	nothing         = "nothing: this is not a failure"
	waitForResolver = "wait, or see what the resolver says: kubectl get resolutionrequests -n {namespace} -o yaml"
	showPolicies    = "kubectl get verificationpolicies -n {namespace} -o yaml"
	signIt          = "sign the definition at its source: sluice sign FILE --key PRIVATE"
	waitOrLook      = "wait, or check why the pod waits: kubectl describe pod {pod} -n {namespace}"
)

// taskAdvice returns the advice for every reason of a TaskRun.
func taskAdvice() map[string]Advice {
	advice := taskStateAdvice()
	maps.Copy(advice, taskStartAdvice())
	maps.Copy(advice, taskResultAdvice())
	return advice
}

// taskStateAdvice returns the advice for states, and for ends that the steps or a user caused.
func taskStateAdvice() map[string]Advice {
	return map[string]Advice{
		v1.TaskRunReasonStarted: {"The controller has accepted the run, and creates its pod.", []string{"wait: sluice logs {run} -f"}},
		v1.TaskRunReasonHeld: {
			"The run is held by spec.status, and has no pod yet.",
			[]string{`start it: kubectl patch taskrun {name} -n {namespace} --type merge -p '{"spec":{"status":""}}'`},
		},
		v1.TaskRunReasonFailureIgnored: {
			"The run failed, and its PipelineRun continues: the task has onError: continue.",
			[]string{"show its output: " + logs},
		},
		v1.TaskRunReasonResolvingTaskRef:       {"The run waits for a resolver to fetch its Task.", []string{waitForResolver}},
		v1.TaskRunReasonResolvingStepActionRef: {"The run waits for a resolver to fetch a StepAction.", []string{waitForResolver}},
		v1.TaskRunReasonPending:                {"The pod exists, but its steps cannot start yet.", []string{waitOrLook}},
		v1.TaskRunReasonRunning: {
			"Steps are running, or their results are being read.",
			[]string{"sluice logs {run} -f shows their output"},
		},
		v1.TaskRunReasonSucceeded: {"Every step succeeded, and the status has every written result, whole.", []string{nothing}},
		v1.TaskRunReasonToBeRetried: {
			"An attempt has failed, and the next one starts soon.",
			[]string{"sluice logs {run} --failed shows the output of the last attempt"},
		},
		v1.TaskRunReasonFailed: {
			"A step failed.",
			[]string{"show its output: " + logs, "if the step may fail, set onError: continue; if the task may be retried, set retries"},
		},
		v1.TaskRunReasonTimedOut: {"The run exceeded its timeout, and was stopped.", []string{
			"show how long each step took: sluice describe {run}",
			"raise spec.timeout of the run, or default-timeout-minutes in ConfigMap config-defaults for all runs",
		}},
		v1.TaskRunReasonCancelled: {
			"A user, or the PipelineRun of this run, cancelled it.",
			[]string{"start it again if this was not intended"},
		},
		v1.TaskRunReasonResolutionFailed: {
			"The Task or a StepAction of the run is unavailable.",
			[]string{"create it in namespace {namespace}, or correct the name in taskRef: kubectl get tasks -n {namespace}"},
		},
		v1.TaskRunReasonResourceVerificationFailed: {"A definition that a resolver found has no valid signature.", []string{
			"the message names the VerificationPolicy; show it: " + showPolicies, signIt,
		}},
		v1.TaskRunReasonValidationFailed: {"The run, its task, a result or a file of artifacts is invalid.", []string{
			correct, "check files before you apply them: sluice validate FILE",
			"for artifacts, the message has the file, the line, and the JSON that the step must write"}},
	}
}

// taskStartAdvice returns the advice for pods that do not start, or do not last.
func taskStartAdvice() map[string]Advice {
	return map[string]Advice{
		v1.TaskRunReasonPodCreationFailed: {"The API server rejects the pod.", []string{
			"the message has the cause: a missing service account, Pod Security, an admission policy, or an invalid field",
			correct,
		}},
		v1.TaskRunReasonPodAdmissionFailed: {"Pod Security, or a security context constraint, rejects the pod.", []string{
			"give the steps the securityContext in the message, or label the namespace for what they need"}},
		v1.TaskRunReasonInvalidParamValue: {"The value of a param is not in its enum.", []string{"set one of the values in the message"}},
		v1.TaskRunReasonInitContainerFailed: {"A container that prepares the pod failed, so no step ran.", []string{
			"kubectl describe pod {pod} -n {namespace} shows its output and its image"}},
		v1.TaskRunReasonInitContainerOOM: {"A container that prepares the pod exceeded its memory limit, so no step ran.", []string{
			"raise the memory limit of the pod, or the default of the namespace: kubectl describe limitrange -n {namespace}"}},
		v1.TaskRunReasonClaimCreationFailed: {"The API server rejects the claim of a workspace.", []string{
			"correct volumeClaimTemplate, or request less if a quota is full: kubectl get resourcequota -n {namespace}"}},
		v1.TaskRunReasonImagePullFailed: {"An image of the pod cannot be pulled.", []string{
			"correct the name of the image, or add the secret of its registry to imagePullSecrets of the service account",
			"kubectl describe pod {pod} -n {namespace} shows the error of the container runtime",
		}},
		v1.TaskRunReasonPullImageFailed: {"An image cannot be pulled now; the kubelet retries.", []string{
			"wait, or correct the name of the image", waitOrLook}},
		v1.TaskRunReasonContainerConfigError: {"A ConfigMap or Secret for the environment of a container does not exist.", []string{
			"create it in namespace {namespace}, or correct its name in env or envFrom"}},
		v1.TaskRunReasonPodEvicted: {"The node evicted the pod, because it had no memory or disk left.", []string{
			"request the resources that the steps need (computeResources), so that the pod gets a node that has them",
			"start the run again; with retries the controller does this automatically",
		}},
		v1.TaskRunReasonPodDeleted: {"A user or another program deleted the pod before the outcome of its steps was known.", []string{again}},
		v1.TaskRunReasonInternalError: {"The controller panicked while it reconciled the run. This is a bug in Sluice.", []string{
			"search its log for the name of the run: kubectl logs -n tekton-pipelines deployment/sluice-controller",
			"report the bug, with the run"}},
		v1.TaskRunReasonStatusRefused: {"The API server rejects the status of the run, so its results could not be stored.", []string{
			"the message has the cause: correct the webhook or the policy that rejects the status", again}},
		v1.TaskRunReasonStepOOM: {"A step exceeded its memory limit, and was killed.", []string{
			"raise computeResources.limits.memory of step {step}, or make it use less memory"}},
		v1.TaskRunReasonSidecarOOM: {"A step failed, and a sidecar had exceeded its memory limit.", []string{
			"raise computeResources.limits.memory of the sidecar", logs}},
		v1.TaskRunReasonExceededResourceQuota: {
			"A quota of the namespace has no room for the pod; the controller retries until the timeout.",
			[]string{"wait until other pods have ended, or ask for a larger quota: kubectl describe resourcequota -n {namespace}"},
		},
		v1.TaskRunReasonExceededNodeResources: {"No node has room for the pod; the scheduler retries until the timeout.", []string{
			"wait, or request less: a pod requests the sum over its steps", waitOrLook}},
	}
}

// taskResultAdvice returns the advice for results that did not arrive.
func taskResultAdvice() map[string]Advice {
	return map[string]Advice{
		v1.TaskRunReasonResultTooLarge: {"A result exceeds the limit of one result, or all results together do not fit into the run.", []string{
			"up to 1.5 MiB: set results-from to sidecar-logs and raise max-result-size in ConfigMap feature-flags",
			"only for this run: set the annotation " + v1.AnnotationResultsFrom + ": sidecar-logs",
			"write larger data to a workspace, and its digest as the result"}},
		v1.TaskRunReasonResultsUnavailable: {"The steps ended, but their results could not be read completely.", []string{
			"show the log of the results: kubectl logs {pod} -c sidecar-tekton-log-results -n {namespace}",
			"check whether the node rotates logs too early (containerLogMaxSize): sluice doctor", again}},
		v1.TaskRunReasonResultNotUTF8: {"A result has bytes that are not UTF-8, which the API cannot store unchanged.", []string{
			"encode it in the step, for example with base64 -w 0, and decode it where it is used"}},
		v1.TaskRunReasonResultsVerificationFailed: {"The results do not match the signatures of the steps.", []string{
			"the message has the step and the result, and the condition SignedResultsVerified the cause: docs/signed-results.md",
			"let only one step write a result; find the program that changed it afterwards"}},
		v1.TaskRunReasonResultsSigningUnavailable: {"Results must be signed, but the controller is not configured for it.", []string{
			"apply config/signed-results, or set enforce-nonfalsifiability to none in ConfigMap feature-flags"}},
		v1.TaskRunReasonResultUnreadable: {"The path of a result is not a regular file, cannot be read, or changed while it was read.", []string{
			"write a regular file to $(results.NAME.path), once, and leave no process running that writes to it",
			"the same applies to $(step.artifacts.path) and $(artifacts.path)"}},
		v1.TaskRunReasonResultsLogAccessDenied: {"Results come through logs, which the controller may not read in this namespace.", []string{
			"grant it: kubectl apply -f config/enable-log-access-to-controller/",
			"or set results-from to termination-message in ConfigMap feature-flags",
		}},
	}
}

// pipelineAdvice returns the advice for every reason of a PipelineRun.
func pipelineAdvice() map[string]Advice {
	advice := pipelineStateAdvice()
	maps.Copy(advice, pipelineStartAdvice())
	return advice
}

// pipelineStateAdvice returns the advice for states, and for ends that the tasks or a user caused.
func pipelineStateAdvice() map[string]Advice {
	return map[string]Advice{
		v1.PipelineRunReasonStarted: {
			"The controller has accepted the run, and no task has started yet.",
			[]string{"wait: sluice logs {run} -f"},
		},
		v1.PipelineRunReasonRunning: {
			"Tasks are running. After a failure, only those of finally are.", []string{
				"sluice logs {run} -f shows their output", "if the message names a failed task: sluice describe {run}",
			},
		},
		v1.PipelineRunReasonPending: {
			"spec.status keeps the run pending, so it has not started.",
			[]string{"start it: kubectl patch pipelinerun {name} -n {namespace} --type merge -p '{\"spec\":{\"status\":null}}'"},
		},
		v1.PipelineRunReasonResolvingPipelineRef: {"The run waits for a resolver to fetch its Pipeline.", []string{waitForResolver}},
		v1.PipelineRunReasonResolvingTaskRef:     {"The run waits for a resolver to fetch a Task of its pipeline.", []string{waitForResolver}},
		v1.PipelineRunReasonStopping: {
			"A task failed; running tasks may finish, and only tasks of finally start after them.",
			[]string{"show the failed task: sluice describe {run}"},
		},
		v1.PipelineRunReasonSucceeded: {"Every task succeeded.", []string{nothing}},
		v1.PipelineRunReasonCompleted: {"Every task that ran succeeded, and other tasks were skipped.", []string{nothing}},
		v1.PipelineRunReasonCancelledRunningFinally: {"The run was cancelled, and its tasks of finally have not ended.", []string{
			"wait, or cancel them, too: sluice cancel {run}"}},
		v1.PipelineRunReasonStoppedRunningFinally: {"The run was stopped, and its tasks of finally have not ended.", []string{
			"wait, or cancel them, too: sluice cancel {run}"}},
		v1.PipelineRunReasonTimedOutRunningFinally: {"The tasks exceeded their timeout, and the tasks of finally have not ended.", []string{
			"wait, or cancel them, too: sluice cancel {run}"}},
		v1.PipelineRunReasonInternalError: {"The controller panicked while it reconciled the run. This is a bug in Sluice.", []string{
			"search its log for the name of the run: kubectl logs -n tekton-pipelines deployment/sluice-controller",
			"report the bug, with the run"}},
		v1.PipelineRunReasonStatusRefused: {"The API server rejects the status of the run, and its TaskRuns were cancelled.", []string{
			"the message has the cause: correct the webhook or the policy that rejects the status", again}},
		v1.PipelineRunReasonFailed:    {"A task failed.", []string{"show its output: " + logs}},
		v1.PipelineRunReasonCancelled: {"A user cancelled the run, or one of its TaskRuns.", []string{"start it again if this was not intended"}},
		v1.PipelineRunReasonTimedOut: {"The run, its tasks, or its finally tasks exceeded their timeout.", []string{
			"show how long each step took: sluice describe {run}", "raise spec.timeouts of the run"}},
	}
}

// pipelineStartAdvice returns the advice for ends because something cannot start, or does not fit.
func pipelineStartAdvice() map[string]Advice {
	return map[string]Advice{
		v1.PipelineRunReasonCreateRunFailed: {"The API server rejects the TaskRun of a task.", []string{
			"the message has the cause: a quota, an admission policy, or a webhook", correct}},
		v1.PipelineRunReasonClaimCreationFailed: {"The API server rejects the claim of a workspace.", []string{
			"correct volumeClaimTemplate, or request less if a quota is full: kubectl get resourcequota -n {namespace}"}},
		v1.PipelineRunReasonInvalidTaskRunSpecs: {
			"spec.taskRunSpecs names a task that the pipeline does not have.",
			[]string{"correct pipelineTaskName"},
		},
		v1.PipelineRunReasonCouldntGetPipeline: {"The Pipeline of the run is unavailable.", []string{
			"create it in namespace {namespace}, or correct the name in pipelineRef: kubectl get pipelines -n {namespace}"}},
		v1.PipelineRunReasonResourceVerificationFailed: {"The Pipeline, or a Task of it, has no valid signature.", []string{
			"the message names the VerificationPolicy; show it: " + showPolicies, signIt,
		}},
		v1.PipelineRunReasonCouldntGetTask: {"A Task of the Pipeline is unavailable.", []string{
			"create it in namespace {namespace}, or correct the name in taskRef: kubectl get tasks -n {namespace}"}},
		v1.PipelineRunReasonParameterMissing: {"A param without a default has no value.", []string{
			"set it: sluice run -f FILE -p NAME=VALUE, or spec.params"}},
		v1.PipelineRunReasonParameterTypeMismatch: {"The value of a param does not have the declared type.", []string{
			"set a string, an array or an object, as the pipeline declares it"}},
		v1.PipelineRunReasonInvalidParamValue: {"The value of a param is not in its enum.", []string{"set one of the values in the message"}},
		v1.PipelineRunReasonObjectParameterMissKeys: {"An object param lacks keys that are declared.", []string{
			"set the keys in the message"}},
		v1.PipelineRunReasonParamArrayIndexingInvalid: {"A task uses an element that an array param does not have.", []string{
			"set more elements, or correct the index in the pipeline"}},
		v1.PipelineRunReasonInvalidMatrixParameterTypes: {"A param of a matrix has the wrong type.", []string{
			"give arrays to matrix.params, and strings to matrix.include"}},
		v1.PipelineRunReasonInvalidWorkspaceBindings: {"The run does not bind the workspaces of its pipeline.", []string{
			"bind them in spec.workspaces, or make them optional in the pipeline"}},
		v1.PipelineRunReasonCELEvaluationFailed: {"A CEL expression of a task cannot be evaluated.", []string{
			"correct the expression in when[].cel: the message has its error"}},
		v1.PipelineRunReasonInvalidPipelineResultReference: {"A result of the pipeline uses a result that no task declares.", []string{
			"correct results of the pipeline: sluice validate FILE"}},
		v1.PipelineRunReasonCouldntGetPipelineResult: {"A result of the pipeline cannot be computed from the results of its tasks.", []string{
			"correct the value or the type of the result: sluice results list {run}"}},
		v1.PipelineRunReasonInvalidGraph: {"The tasks have a cycle: some of them wait for each other.", []string{
			"remove a runAfter, or the use of a result, from the cycle: sluice graph FILE"}},
		v1.PipelineRunReasonInvalidTaskResultReference: {"A task uses a result that another task did not write.", []string{
			"make the step write the result in all cases, if need be as an empty file",
			"or correct the reference: sluice results list {run}",
		}},
		v1.PipelineRunReasonValidationFailed: {"The run or its pipeline is invalid.", []string{
			correct, "check files before you apply them: sluice validate FILE"}},
		v1.PipelineRunReasonResultTooLarge: {
			"Results for a task, or results of the pipeline, do not fit into the object that needs them.",
			[]string{
				"pass less data, or pass it through a workspace with its digest as the result",
				"show the sizes: sluice results list {run}",
			},
		},
	}
}

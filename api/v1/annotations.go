package v1

// AnnotationRelease on a run and on its pod is the version of the controller that works on it.
const AnnotationRelease = "pipeline.tekton.dev/release"

// ReservedAnnotations begin the keys of annotations that only Tekton Chains sets: they say that it has signed a run, and where
// the signature is. A user who sets one would keep a run from being signed.
const ReservedAnnotations = "chains.tekton.dev/"

// AnnotationResultsFrom on a TaskRun, or on the Task that it refers to, overrides the installation's flag
// results-from for this run. It has the same values as the flag. A run's annotation overrides its task's. With the
// flag enable-results-from-annotation: "false" the annotation is refused.
const AnnotationResultsFrom = "sluice.dev/results-from"

// AnnotationKeep with the value "true" on a run, or on the Task or Pipeline that it refers to, keeps the run: retention never
// deletes it.
const AnnotationKeep = "sluice.dev/keep"

// AnnotationTTL on a run is its time to live after its end, in seconds; -1: it has no end. It overrides the retention of the
// installation. The key is that of Tekton's pruner.
const AnnotationTTL = "pruner.tekton.dev/ttlSecondsAfterFinished"

// AnnotationStoppedAt on a pod is the time at which the controller asked for the pod's end, as RFC 3339. After that
// the node has a bounded time to end the pod. A pod that does not end in that time does not keep its run from ending.
const AnnotationStoppedAt = "sluice.dev/stopped-at"

// AnnotationSteps on a pod says whether its first step may start. A pod has it only with the flag
// running-in-environment-with-injected-sidecars. Its values are the ones below.
const AnnotationSteps = "sluice.dev/steps"

const (
	// StepsFree is the value of a pod whose first step does not wait.
	StepsFree = "free"
	// StepsHeld makes the first step wait: another component has added containers to the pod, or is expected to.
	StepsHeld = "held"
	// StepsReleased ends that wait.
	StepsReleased = "released"
)

// AnnotationFinal on a run lists, separated by commas, the parts of its spec whose text is final. The PipelineRun
// that created the run has substituted the variables there, so text that looks like a variable is a plain value.
// In a run without the annotation all text is its user's. The values are the FinalParts for a TaskRun, and the
// FinalPipelineParts for a PipelineRun.
const AnnotationFinal = "sluice.dev/final"

// AnnotationUnread on a TaskRun with AnnotationFinal says which references in the values of its params are still to be read: those
// that the author of the pipeline wrote for the task, such as $(workspaces.data.path). All else in these values is read no more.
// It is a JSON object: by the name of the param, and by the part of its value (the index of an element, the key of an object, or
// "" for a string), the places where references begin, in bytes.
const AnnotationUnread = "sluice.dev/unread"

// AnnotationOnError on a TaskRun of a PipelineRun is the onError of its task in the pipeline, unless it is stopAndFail.
const AnnotationOnError = "pipeline.tekton.dev/pipeline-task-on-error"

// AnnotationPodsRemade on a TaskRun counts the pods that were removed before a step started and that the controller made again:
// the number of the attempt, counted from 0, "/", and the count.
const AnnotationPodsRemade = "sluice.dev/pods-remade"

// AnnotationCombination on a child of a task with a matrix is the index of its combination, counted from 0, "/", and the number of
// combinations.
const AnnotationCombination = "sluice.dev/combination"

// AnnotationStopRequested on a CustomRun is the time at which its PipelineRun asked it to stop, in RFC 3339.
const AnnotationStopRequested = "sluice.dev/stop-requested"

// AnnotationStopReason on a PipelineRun that is a task of another PipelineRun is why the other one stopped it, with the text that
// spec.statusMessage of a TaskRun has.
const AnnotationStopReason = "sluice.dev/stop-reason"

// AnnotationTaskRunSpanContext on a TaskRun, and AnnotationPipelineRunSpanContext on a PipelineRun, is the span that the run is within:
// a JSON object with the headers of W3C Trace Context. A PipelineRun sets it on its children, and a user can set it.
// AnnotationDeliveryTraceparent on a PipelineRun is the traceparent of the program that created it.
const (
	AnnotationTaskRunSpanContext     = "tekton.dev/taskrunSpanContext"
	AnnotationPipelineRunSpanContext = "tekton.dev/pipelinerunSpanContext"
	AnnotationDeliveryTraceparent    = "tekton.dev/deliveryTraceparent"
)

// AnnotationEvents in the status of a run, or on a CustomRun, says which events about the run have been sent: the number of the last
// event, and the numbers and phases of those that no receiver may have accepted yet. In a run that has ended, a stamp follows. The
// ConfigMap sluice-events-sent says up to which stamp all events have been sent.
const AnnotationEvents = "sluice.dev/events"

// AnnotationOlder on an object has the fields of v1beta1 that v1 does not have, and that no annotation of Tekton is for. It is a JSON
// tree of the fields; the elements of a list are fields with their index as the name. Under the name of a field that v1 has is the
// original value of a field that it replaces.
const AnnotationOlder = "sluice.dev/v1beta1"

// AnnotationOlderResources and the others are the annotations in which Tekton keeps fields of v1beta1 that v1 does not have.
const (
	AnnotationOlderResources       = "tekton.dev/v1beta1Resources"
	AnnotationOlderCloudEvents     = "tekton.dev/v1beta1CloudEvents"
	AnnotationOlderResourcesResult = "tekton.dev/v1beta1ResourcesResult"
	AnnotationOlderResourcesStatus = "tekton.dev/v1beta1ResourcesStatus"
	AnnotationOlderTaskRuns        = "tekton.dev/v1beta1TaskRuns"
	AnnotationOlderRuns            = "tekton.dev/v1beta1Runs"
)

// ConversionAnnotations returns the annotations that a conversion from v1beta1 can add. They are for the fields of one object, so it
// never passes them on to what is made from it.
func ConversionAnnotations() []string {
	return []string{AnnotationOlder, AnnotationOlderResources, AnnotationOlderCloudEvents, AnnotationOlderResourcesResult,
		AnnotationOlderResourcesStatus, AnnotationOlderTaskRuns, AnnotationOlderRuns}
}

// ControllerAnnotations returns the annotations that only the controller may set. The controller never copies them
// from one object to another, because a user may have set them on the source.
func ControllerAnnotations() []string {
	return []string{AnnotationStoppedAt, AnnotationSteps, AnnotationFinal, AnnotationUnread, AnnotationPodsRemade, AnnotationOnError,
		AnnotationCombination, AnnotationStopRequested, AnnotationStopReason, AnnotationEvents}
}

// FinalPodTemplate and the others are the parts of a TaskRun's spec that AnnotationFinal can list.
const (
	FinalPodTemplate    = "podTemplate"
	FinalWorkspaces     = "workspaces"
	FinalResolverParams = "taskRef.params"
	FinalPipelineParams = "pipelineRef.params"
)

// FinalParts returns every part that AnnotationFinal can list on a TaskRun.
func FinalParts() []string { return []string{FinalPodTemplate, FinalWorkspaces, FinalResolverParams} }

// FinalPipelineParts returns every part that AnnotationFinal can list on a PipelineRun.
func FinalPipelineParts() []string {
	return []string{FinalPodTemplate, FinalWorkspaces, FinalPipelineParams}
}

// AnnotationSigningPolicy and AnnotationSigningIdentity are annotations of the status of a TaskRun beside Tekton, whose type
// has no fields for them: provenance.featureFlags.signedResultsPolicy and signedResultsIdentity.
const (
	AnnotationSigningPolicy   = "sluice.dev/signed-results-policy"
	AnnotationSigningIdentity = "sluice.dev/signed-results-identity"
)

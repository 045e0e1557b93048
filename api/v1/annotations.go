package v1

// AnnotationResultsFrom on a TaskRun, or on the Task that it refers to, chooses how the results of this run come back,
// whatever the flag results-from says for the installation; its values are those of the flag. A run's annotation wins
// over its task's. The flag enable-results-from-annotation: "false" takes the choice away.
const AnnotationResultsFrom = "sluice.dev/results-from"

// AnnotationStoppedAt on a pod is when the controller asked for its end, as RFC 3339. The pod's node has a bounded time from
// then on; a pod that does not end within it does not keep its run from ending.
const AnnotationStoppedAt = "sluice.dev/stopped-at"

// AnnotationFinal on a TaskRun lists, with commas between them, the parts of its spec whose text is final: their variables
// have been substituted by the PipelineRun that made the TaskRun, and what looks like a variable there is a value. A TaskRun
// without it is all its user's text. The values are the FinalParts.
const AnnotationFinal = "sluice.dev/final"

// ControllerAnnotations returns the annotations that only the controller sets. They are never copied from one object to
// another, since a user may have set them there.
func ControllerAnnotations() []string { return []string{AnnotationStoppedAt, AnnotationFinal} }

// The parts of a TaskRun's spec that AnnotationFinal can list.
const (
	FinalPodTemplate    = "podTemplate"
	FinalWorkspaces     = "workspaces"
	FinalResolverParams = "taskRef.params"
)

// FinalParts returns every part that AnnotationFinal can list.
func FinalParts() []string { return []string{FinalPodTemplate, FinalWorkspaces, FinalResolverParams} }

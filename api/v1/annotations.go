package v1

// AnnotationResultsFrom on a TaskRun, or on the Task that it refers to, chooses how the results of this run come back,
// whatever the flag results-from says for the installation; its values are those of the flag. A run's annotation wins
// over its task's. The flag enable-results-from-annotation: "false" takes the choice away.
const AnnotationResultsFrom = "sluice.dev/results-from"

// AnnotationStoppedAt on a pod is when the controller asked for its end, as RFC 3339. The pod's node has a bounded time from
// then on; a pod that does not end within it does not keep its run from ending.
const AnnotationStoppedAt = "sluice.dev/stopped-at"

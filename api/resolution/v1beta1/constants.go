package v1beta1

// LabelType on a ResolutionRequest names the resolver that must answer it, such as git.
const LabelType = GroupName + "/type"

// AnnotationContentType in the annotations of a status is the content type of the answer, such as application/x-yaml.
const AnnotationContentType = GroupName + "/content-type"

// Reasons of the condition Succeeded of a ResolutionRequest. A resolver can give others.
const (
	// ReasonInProgress: a resolver works on the request.
	ReasonInProgress = "ResolutionInProgress"
	// ReasonSuccessful: the status has the definition.
	ReasonSuccessful = "ResolutionSuccessful"
	// ReasonFailed: the resolver cannot get the definition. The message says why.
	ReasonFailed = "ResolutionFailed"
	// ReasonTimedOut: no resolver has answered in time.
	ReasonTimedOut = "ResolutionTimedOut"
)

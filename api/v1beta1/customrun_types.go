package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// CustomRun is one run of a custom task. Another controller, the one for the kind that customRef or customSpec names, runs it
// and writes its status.
//
// +kubebuilder:object:root=true
// +kubebuilder:storageversion
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories={all,tekton,tekton-pipelines}
// +kubebuilder:printcolumn:name="Succeeded",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Succeeded")].reason`
// +kubebuilder:printcolumn:name="StartTime",type=date,JSONPath=`.status.startTime`
// +kubebuilder:printcolumn:name="CompletionTime",type=date,JSONPath=`.status.completionTime`
type CustomRun struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what to run, with which values.
	// +required
	Spec CustomRunSpec `json:"spec,omitempty"`
	// Status is the progress of the run. The controller of the custom task writes it.
	// +optional
	Status CustomRunStatus `json:"status,omitempty"`
}

// CustomRunList is a list of CustomRuns.
//
// +kubebuilder:object:root=true
type CustomRunList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CustomRun `json:"items"`
}

// CustomRunSpec is what to run, with which values.
//
// +kubebuilder:validation:XValidation:rule="has(self.customRef) != has(self.customSpec)",message="exactly one of customRef and customSpec must be given"
type CustomRunSpec struct {
	// CustomRef refers to the custom task. It excludes customSpec.
	// +optional
	CustomRef *CustomRef `json:"customRef,omitempty"`
	// CustomSpec is the custom task, embedded. It excludes customRef.
	// +optional
	CustomSpec *EmbeddedCustomRunSpec `json:"customSpec,omitempty"`
	// Params for the custom task.
	// +optional
	// +listType=atomic
	Params []v1.Param `json:"params,omitempty"`
	// Workspaces for the custom task.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	Workspaces []v1.WorkspaceBinding `json:"workspaces,omitempty"`
	// ServiceAccountName for whatever the custom task starts.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// Timeout of one attempt, such as 1h30m. The controller of the custom task applies it.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self == '0' || self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) <= duration('876000h')",message="must be a duration such as 1h30m or 90s, of at most 876000h (100 years)",messageExpression="'must be a duration such as 1h30m or 90s, of at most 876000h (100 years), got \"' + self + '\"'"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// Retries is how many times a failed attempt is repeated. The controller of the custom task repeats it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Retries int `json:"retries,omitempty"`
	// Status: RunCancelled asks the controller of the custom task to cancel the run.
	// +optional
	Status CustomRunSpecStatus `json:"status,omitempty"`
	// StatusMessage gives the reason of the cancellation.
	// +optional
	StatusMessage string `json:"statusMessage,omitempty"`
}

// CustomRunSpecStatus is a request to end a run.
//
// +kubebuilder:validation:Enum="";RunCancelled
type CustomRunSpecStatus string

// CustomRunSpecStatusCancelled cancels the run.
const CustomRunSpecStatusCancelled CustomRunSpecStatus = "RunCancelled"

// Messages in spec.statusMessage of a CustomRun that its PipelineRun ended. Clients compare them: their values are part of the API
// of Tekton.
const (
	// CustomRunCancelledByPipelineRun: the PipelineRun was cancelled.
	CustomRunCancelledByPipelineRun = "CustomRun cancelled as the PipelineRun it belongs to has been cancelled."
	// CustomRunTimedOutByPipelineRun: the PipelineRun, or the part of it that has the task, exceeded its timeout.
	CustomRunTimedOutByPipelineRun = "CustomRun cancelled as the PipelineRun it belongs to has timed out."
)

// CustomRef refers to a custom task: by the kind that its controller serves, and the name of an object of that kind, if the
// kind needs one.
//
// +kubebuilder:validation:XValidation:rule="!has(self.resolver) || !has(self.name)",message="give either name, or resolver with params"
type CustomRef struct {
	// Name of the object.
	// +optional
	Name string `json:"name,omitempty"`
	// Kind of the object.
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`
	// APIVersion of the object, with its group.
	// +kubebuilder:validation:MinLength=1
	APIVersion string `json:"apiVersion"`

	v1.ResolverRef `json:",inline"`
}

// EmbeddedCustomRunSpec is a custom task within a CustomRun.
type EmbeddedCustomRunSpec struct {
	// APIVersion of the custom task, with its group.
	// +kubebuilder:validation:MinLength=1
	APIVersion string `json:"apiVersion"`
	// Kind of the custom task.
	// +kubebuilder:validation:MinLength=1
	Kind string `json:"kind"`
	// Metadata: labels and annotations for whatever the custom task starts.
	// +optional
	Metadata v1.PipelineTaskMetadata `json:"metadata,omitempty"`
	// Spec of the custom task. Its fields are those of the kind.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec *runtime.RawExtension `json:"spec,omitempty"`
}

// CustomRunStatus is the progress of a CustomRun, and what it produced.
type CustomRunStatus struct {
	// ObservedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Annotations are what the controller of the custom task adds for its own use.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// Conditions: that of type Succeeded is Unknown while the run continues, then True or False.
	// +optional
	// +listType=atomic
	Conditions []Condition `json:"conditions,omitempty"`
	// StartTime is the time at which the run started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// CompletionTime is the time at which the run ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// Results of the custom task, for the tasks that refer to them.
	// +optional
	// +listType=atomic
	Results []CustomRunResult `json:"results,omitempty"`
	// RetriesStatus has the statuses of earlier attempts. The controller of the custom task writes them.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	RetriesStatus *runtime.RawExtension `json:"retriesStatus,omitempty"`
	// ExtraFields are fields of the custom task's own.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	ExtraFields *runtime.RawExtension `json:"extraFields,omitempty"`
}

// Condition is a condition as controllers of custom tasks write it. Only type and status are required, and the time is any
// text: a value that does not decode would stop every client that watches CustomRuns.
type Condition struct {
	// Type of the condition.
	Type string `json:"type"`
	// Status is True, False or Unknown.
	Status metav1.ConditionStatus `json:"status"`
	// Severity of a condition other than Succeeded.
	// +optional
	Severity string `json:"severity,omitempty"`
	// LastTransitionTime is the time at which the status changed.
	// +optional
	LastTransitionTime string `json:"lastTransitionTime,omitempty"`
	// Reason is one word for programs.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Message is a sentence for people.
	// +optional
	Message string `json:"message,omitempty"`
}

// CustomRunResult is a result of a custom task. It is always a string.
type CustomRunResult struct {
	// Name of the result.
	Name string `json:"name"`
	// Value of the result.
	Value string `json:"value"`
}

package v1

// TaskResult declares a result of a Task. A step produces it by writing the file $(results.<name>.path).
type TaskResult struct {
	// Name of the result, which is also the name of its file: letters, digits, '-', '_' and '.'. It begins and ends
	// with a letter or a digit.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Name string `json:"name"`
	// Type of the result: string (the file's bytes as they are), array (a JSON array of strings) or object (a JSON
	// object with string values). Default: object if properties are given, and string otherwise.
	// +optional
	Type ValueType `json:"type,omitempty"`
	// Properties are the keys that a result of type object must have.
	// +optional
	Properties map[string]PropertySpec `json:"properties,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// Value takes the result from a step: $(steps.<step>.results.<result>).
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Value *Value `json:"value,omitempty"`
}

// TaskRunResult is a result that a TaskRun's steps produced, whole.
type TaskRunResult struct {
	// Name of the result, as the Task declares it.
	Name string `json:"name"`
	// Type of the result, as the Task declares it.
	// +optional
	Type ValueType `json:"type,omitempty"`
	// Value: the bytes that the step wrote. For an array or an object, they are decoded from JSON.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Value Value `json:"value"`
}

// PipelineResult declares a result of a Pipeline, built from results of its tasks.
type PipelineResult struct {
	// Name of the result.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`
	Name string `json:"name"`
	// Type of the result. Without it the type follows from the value.
	// +optional
	Type ValueType `json:"type,omitempty"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// Value with references to results of tasks, such as $(tasks.build.results.digest).
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Value Value `json:"value"`
}

// PipelineRunResult is a result of a finished PipelineRun.
type PipelineRunResult struct {
	// Name of the result, as the Pipeline declares it.
	Name string `json:"name"`
	// Value of the result.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Value Value `json:"value"`
}

// ValueType returns the declared type, or the inferred one if none is declared.
func (r *TaskResult) ValueType() ValueType {
	if r.Type != "" {
		return r.Type
	}
	return inferType(nil, r.Properties)
}

// ValueType returns the declared type, or the inferred one if none is declared.
func (r *StepResult) ValueType() ValueType {
	if r.Type != "" {
		return r.Type
	}
	return inferType(nil, r.Properties)
}

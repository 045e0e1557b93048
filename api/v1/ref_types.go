package v1

// ResolverRef refers to a definition outside the cluster's own objects: the resolver that fetches it, and its params.
type ResolverRef struct {
	// Resolver that fetches the definition, such as cluster.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Resolver string `json:"resolver,omitempty"`
	// Params for the resolver.
	// +optional
	// +listType=atomic
	Params []Param `json:"params,omitempty"`
}

// TaskRef names a Task: by its name in the run's namespace, or through a resolver. In a pipeline it can name a custom task
// instead, by apiVersion and kind; the name of an object of that kind is then optional.
type TaskRef struct {
	// Name of the Task.
	// +optional
	Name string `json:"name,omitempty"`
	// Kind of the definition: Task, in any letter case, or in a pipeline the kind of a custom task.
	// +optional
	Kind string `json:"kind,omitempty"`
	// APIVersion of the definition; required for a custom task.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`

	ResolverRef `json:",inline"`
}

// PipelineRef names a Pipeline: by its name in the run's namespace, or through a resolver.
type PipelineRef struct {
	// Name of the Pipeline.
	// +optional
	Name string `json:"name,omitempty"`
	// APIVersion of the definition.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`

	ResolverRef `json:",inline"`
}

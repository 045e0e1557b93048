package v1

// RefSource is the place that a definition was fetched from.
type RefSource struct {
	// URI of the place.
	// +optional
	URI string `json:"uri,omitempty"`
	// Digest of the definition, by algorithm.
	// +optional
	Digest map[string]string `json:"digest,omitempty"`
	// EntryPoint is the path of the definition within the place.
	// +optional
	EntryPoint string `json:"entryPoint,omitempty"`
}

// Artifact is something that a step read or produced.
type Artifact struct {
	// Name of the artifact.
	// +optional
	Name string `json:"name,omitempty"`
	// Values are the copies of the artifact, each with its location and its digests.
	// +optional
	// +listType=atomic
	Values []ArtifactValue `json:"values,omitempty"`
	// BuildOutput marks an artifact that is the purpose of the task.
	// +optional
	BuildOutput bool `json:"buildOutput,omitempty"`
}

// ArtifactValue is one copy of an artifact.
type ArtifactValue struct {
	// Digest of the artifact, by algorithm.
	// +optional
	Digest map[string]string `json:"digest,omitempty"`
	// URI of the artifact.
	// +optional
	URI string `json:"uri,omitempty"`
}

// Artifacts are the artifacts of a whole run.
type Artifacts struct {
	// Inputs that the steps read.
	// +optional
	// +listType=atomic
	Inputs []Artifact `json:"inputs,omitempty"`
	// Outputs that the steps produced.
	// +optional
	// +listType=atomic
	Outputs []Artifact `json:"outputs,omitempty"`
}

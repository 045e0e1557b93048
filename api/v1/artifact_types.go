package v1

// RefSource says where a definition came from.
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

// Artifact is something that a step read or made.
type Artifact struct {
	// Name of the artifact.
	// +optional
	Name string `json:"name,omitempty"`
	// Values: where it is, and its digests.
	// +optional
	// +listType=atomic
	Values []ArtifactValue `json:"values,omitempty"`
	// BuildOutput says that the artifact is what the task was run for.
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

// Artifacts are those of a whole run.
type Artifacts struct {
	// Inputs that were read.
	// +optional
	// +listType=atomic
	Inputs []Artifact `json:"inputs,omitempty"`
	// Outputs that were made.
	// +optional
	// +listType=atomic
	Outputs []Artifact `json:"outputs,omitempty"`
}

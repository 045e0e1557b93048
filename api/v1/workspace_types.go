package v1

import (
	"crypto/sha256"
	"encoding/hex"
	"path"

	corev1 "k8s.io/api/core/v1"
)

// WorkspacesDir is the directory under which a workspace without a mountPath is mounted.
const WorkspacesDir = "/workspace"

// WorkspaceDeclaration is a directory that a Task needs and a run provides.
type WorkspaceDeclaration struct {
	// Name by which a run binds the workspace and by which steps refer to it: $(workspaces.<name>.path).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$`
	Name string `json:"name"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// MountPath in each step; default /workspace/<name>.
	// +optional
	MountPath string `json:"mountPath,omitempty"`
	// ReadOnly mounts the workspace read-only.
	// +optional
	ReadOnly bool `json:"readOnly,omitempty"`
	// Optional workspaces may be left unbound; their path is then empty.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// Path returns where the workspace is mounted in each step.
func (w WorkspaceDeclaration) Path() string {
	if w.MountPath != "" {
		return w.MountPath
	}
	return path.Join(WorkspacesDir, w.Name)
}

// WorkspaceBinding assigns a volume to a declared workspace. Exactly one source must be set.
type WorkspaceBinding struct {
	// Name of the declared workspace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$`
	Name string `json:"name"`
	// SubPath is a folder of the volume to mount instead of its root.
	// +optional
	SubPath string `json:"subPath,omitempty"`
	// EmptyDir is an empty folder that is deleted with the pod.
	// +optional
	EmptyDir *corev1.EmptyDirVolumeSource `json:"emptyDir,omitempty"`
	// PersistentVolumeClaim that exists in the run's namespace.
	// +optional
	PersistentVolumeClaim *corev1.PersistentVolumeClaimVolumeSource `json:"persistentVolumeClaim,omitempty"`
	// VolumeClaimTemplate is a claim that is created for this run, and deleted with it.
	// +optional
	VolumeClaimTemplate *corev1.PersistentVolumeClaim `json:"volumeClaimTemplate,omitempty"`
	// ConfigMap whose keys become files.
	// +optional
	ConfigMap *corev1.ConfigMapVolumeSource `json:"configMap,omitempty"`
	// Secret whose keys become files.
	// +optional
	Secret *corev1.SecretVolumeSource `json:"secret,omitempty"`
	// Projected puts several ConfigMaps, Secrets and tokens into one folder.
	// +optional
	Projected *corev1.ProjectedVolumeSource `json:"projected,omitempty"`
	// CSI is a volume that a driver of the node provides.
	// +optional
	CSI *corev1.CSIVolumeSource `json:"csi,omitempty"`
}

// PipelineWorkspaceDeclaration is a workspace that a Pipeline passes to its tasks.
type PipelineWorkspaceDeclaration struct {
	// Name by which a PipelineRun binds the workspace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$`
	Name string `json:"name"`
	// Description for people.
	// +optional
	Description string `json:"description,omitempty"`
	// Optional workspaces may be left unbound.
	// +optional
	Optional bool `json:"optional,omitempty"`
}

// WorkspacePipelineTaskBinding passes a Pipeline's workspace to a task.
type WorkspacePipelineTaskBinding struct {
	// Name of the workspace as the Task declares it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?$`
	Name string `json:"name"`
	// Workspace of the Pipeline; default: the one of the same name.
	// +optional
	Workspace string `json:"workspace,omitempty"`
	// SubPath is a folder of the volume to mount instead of its root.
	// +optional
	SubPath string `json:"subPath,omitempty"`
}

// VolumeName returns the name of the pod volume that the workspace is bound to, which is also the value of
// $(workspaces.<name>.volume) for sidecars that mount it themselves. The volume name depends only on the workspace's
// name, so substitution and the pod builder compute it separately.
func (w WorkspaceDeclaration) VolumeName() string {
	sum := sha256.Sum256([]byte(w.Name))
	return "ws-" + hex.EncodeToString(sum[:5])
}

// ReservedVolumePrefix is the prefix of the names of the system's volumes. A task must not mount them: a step that
// could write there could forge the results of another step.
const ReservedVolumePrefix = "tekton-internal-"

// PipelineWorkspace returns the name of the pipeline's workspace that is passed to the task.
func (w *WorkspacePipelineTaskBinding) PipelineWorkspace() string {
	if w.Workspace != "" {
		return w.Workspace
	}
	return w.Name
}

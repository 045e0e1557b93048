// Package podpaths names the containers of a TaskRun's pod, and the directories and files in them, as steps and clients
// know them. The pod's builder and the substitution of variables share it.
package podpaths

import (
	"fmt"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
)

// Names of containers.
const (
	// ResultsContainer is the results sidecar.
	ResultsContainer = sidecarPrefix + v1.ReservedSidecarName

	stepPrefix    = "step-"
	sidecarPrefix = "sidecar-"
)

// Directories and files in the containers.
const (
	// Reserved is the directory of all files of the system. Tasks may mount nothing over it except at HomeDir.
	Reserved = "/tekton"
	// BinDir has the in-pod binary.
	BinDir = Reserved + "/bin"
	// ScriptsDir has the scripts of steps and sidecars, by the names of their containers.
	ScriptsDir = Reserved + "/scripts"
	// SecretsDir has a directory for each Secret with credentials, by the Secret's name.
	SecretsDir = Reserved + "/creds-secrets"
	// CredentialsDir has the credentials of the service account, in the form that the step's programs read.
	CredentialsDir = Reserved + "/creds"
	// HomeDir is the home directory that steps share unless they set HOME.
	HomeDir = Reserved + "/home"
	// TerminationPath is the file of a container's termination message.
	TerminationPath = Reserved + "/termination"
	// RunDir has a directory for each step, by its index, in which the step records how it ended.
	RunDir = Reserved + "/run"
	// ResultsDir has a file for each result of the task that has been written, by the result's name.
	ResultsDir = Reserved + "/results"
	// StepsDir has a directory for each step, by the name of its container: its exit code and its own results.
	StepsDir = Reserved + "/steps"
	// ArtifactsDir has the task's document of artifacts.
	ArtifactsDir = Reserved + "/artifacts"
	// WorkloadDir has the socket of the Workload API, in steps that sign.
	WorkloadDir = Reserved + "/workload-api"
	// DownwardDir has the file that says whether the first step may start; see package hold.
	DownwardDir = Reserved + "/downward"
	// DebugDir has the commands with which a user lets a held step continue or fail; see package breakpoint.
	DebugDir = Reserved + "/debug"

	// StepResults is the directory of a step's own results within that of the step.
	StepResults = "results"
	// StepArtifacts is the directory of a step's document of artifacts within that of the step.
	StepArtifacts = "artifacts"
	// ArtifactsFile is the name of a document of artifacts in its directory.
	ArtifactsFile = "provenance.json"
)

// TaskArtifactsPath is the file of the task's document of artifacts, which all steps share.
const TaskArtifactsPath = ArtifactsDir + "/" + ArtifactsFile

// StepContainer returns the name of the container of the step at index i. It is shortened if it is longer than Kubernetes allows.
func StepContainer(step v1.Step, i int) string {
	return name.Child(StepVariable(step, i), "", name.MaxLabel)
}

// StepVariable returns the name of the step at index i in $(steps.<name>.exitCode.path): that of its container before it is
// shortened.
func StepVariable(step v1.Step, i int) string { return stepPrefix + StepName(step, i) }

// StepContainers returns the names of the containers of all steps, in order.
func StepContainers(spec *v1.TaskSpec) []string {
	names := make([]string, len(spec.Steps))
	for i, step := range spec.Steps {
		names[i] = StepContainer(step, i)
	}
	return names
}

// IsStep reports whether a container is that of a step.
func IsStep(container string) bool { return strings.HasPrefix(container, stepPrefix) }

// StepName returns the name of the step at index i; a step without a name gets "unnamed-" and its index.
func StepName(step v1.Step, i int) string { return named(step.Name, i) }

// StepOf returns the name of the step that runs in a container.
func StepOf(container string) string { return strings.TrimPrefix(container, stepPrefix) }

// SidecarContainer returns the name of the container of a task's sidecar, at index i among them. It is shortened if it is longer
// than Kubernetes allows.
func SidecarContainer(sidecar v1.Sidecar, i int) string {
	return name.Child(sidecarPrefix+named(sidecar.Name, i), "", name.MaxLabel)
}

// SidecarOf returns the name of the task's sidecar that runs in a container; ok is false for the results sidecar.
func SidecarOf(container string) (sidecar string, ok bool) {
	if container == ResultsContainer {
		return "", false
	}
	return strings.CutPrefix(container, sidecarPrefix)
}

func named(own string, i int) string {
	if own != "" {
		return own
	}
	return fmt.Sprintf("unnamed-%d", i)
}

// ResultPath returns the file that steps write for the result of the task with this name.
func ResultPath(result string) string { return ResultsDir + "/" + result }

// StepDir returns the directory of the step that runs in a container. Later steps can read it.
func StepDir(container string) string { return StepsDir + "/" + container }

// ExitCodePath returns the file that holds the exit code of the step that ran in a container. It exists once the step has
// ended.
func ExitCodePath(container string) string { return StepDir(container) + "/exitCode" }

// StepResultPath returns the file that the step at index i writes for its own result with this name.
func StepResultPath(step v1.Step, i int, result string) string {
	return StepDir(StepContainer(step, i)) + "/" + StepResults + "/" + result
}

// StepArtifactsDir returns the directory of the document of artifacts of the step at index i.
func StepArtifactsDir(step v1.Step, i int) string {
	return StepDir(StepContainer(step, i)) + "/" + StepArtifacts
}

// StepArtifactsPath returns the file that the step at index i writes for its own artifacts.
func StepArtifactsPath(step v1.Step, i int) string {
	return StepArtifactsDir(step, i) + "/" + ArtifactsFile
}

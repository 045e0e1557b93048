package pod

import (
	"fmt"
	"strconv"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
)

// Names of containers, as clients know them.
const (
	// ResultsContainer carries the results.
	ResultsContainer = sidecarPrefix + v1.ReservedSidecarName
	// prepareContainer copies the in-pod binary where image volumes are not to be had.
	prepareContainer = "prepare"

	stepPrefix    = "step-"
	sidecarPrefix = "sidecar-"
)

// Directories and files in the containers, as steps and clients know them.
const (
	binDir          = "/tekton/bin"
	scriptsDir      = "/tekton/scripts"
	secretsDir      = "/tekton/creds-secrets" //nolint:gosec // a path
	passwdFile      = "/etc/passwd"
	homeDir         = "/tekton/home"
	terminationPath = "/tekton/termination"

	// plainBinary is the name of the in-pod binary, and signingBinary that of the one that can sign.
	plainBinary   = "inpod"
	signingBinary = "inpod-spiffe"
	// imageBinaryDir is where the image of the in-pod binary holds it (ko's convention).
	imageBinaryDir = "ko-app"

	// ImageBinary is the in-pod binary in its own image.
	ImageBinary = "/" + imageBinaryDir + "/" + plainBinary
	// RunDir has a directory for each step, by its index, in which the step records how it ended.
	RunDir = "/tekton/run"
	// ResultsDir has a file for each result that has been written, by the result's name.
	ResultsDir = "/tekton/results"
	// StepsDir has a directory for each step, by the name of its container: its exit code and its own results.
	StepsDir = "/tekton/steps"
	// CredentialsDir has the credentials of the service account, made ready for the user that the step runs as.
	CredentialsDir = "/tekton/creds" //nolint:gosec // a path

	// workloadDir has the socket of the Workload API, in steps that sign.
	workloadDir = "/tekton/workload-api"
)

// Names of volumes that this package adds. Tasks cannot use the prefix. Those with a number are there for each step, each
// sidecar or each secret.
const (
	binVolume       = v1.ReservedVolumePrefix + "bin"
	resultsVolume   = v1.ReservedVolumePrefix + "results"
	homeVolume      = v1.ReservedVolumePrefix + "home"
	workspaceVolume = v1.ReservedVolumePrefix + "workspace"
	workloadVolume  = v1.ReservedVolumePrefix + "workload-api"

	runVolumePrefix           = v1.ReservedVolumePrefix + "run-"
	scriptVolumePrefix        = v1.ReservedVolumePrefix + "script-"
	credentialsVolumePrefix   = v1.ReservedVolumePrefix + "creds-"
	secretVolumePrefix        = v1.ReservedVolumePrefix + "secret-"
	sidecarRunVolumePrefix    = v1.ReservedVolumePrefix + "sidecar-run-"
	sidecarScriptVolumePrefix = v1.ReservedVolumePrefix + "sidecar-script-"
)

// Name returns the name of the pod of a TaskRun's attempt; retry is 0 for the first one.
func Name(taskRun string, retry int) string { return name.Pod(taskRun, retry) }

// ClaimName returns the name of the PersistentVolumeClaim that is made for a workspace of the run which is bound by
// volumeClaimTemplate. All attempts of a run share it.
func ClaimName(tr *v1.TaskRun, workspace string) string { return name.Claim(string(tr.UID), workspace) }

// StepContainer returns the name of the container of the step at index i.
func StepContainer(step v1.Step, i int) string {
	return stepPrefix + StepName(step, i)
}

// StepContainers returns the names of the containers of all steps, in order.
func StepContainers(spec *v1.TaskSpec) []string {
	names := make([]string, len(spec.Steps))
	for i, step := range spec.Steps {
		names[i] = StepContainer(step, i)
	}
	return names
}

func isStep(container string) bool { return strings.HasPrefix(container, stepPrefix) }

// StepName returns the step's name, or the one that a step without a name goes by.
func StepName(step v1.Step, i int) string { return named(step.Name, i) }

// SidecarContainer returns the name of the container of a task's sidecar, at index i among them.
func SidecarContainer(sidecar v1.Sidecar, i int) string {
	return sidecarPrefix + named(sidecar.Name, i)
}

func named(name string, i int) string {
	if name != "" {
		return name
	}
	return fmt.Sprintf("unnamed-%d", i)
}

// ResultPath returns the file that steps write for the result of this name.
func ResultPath(result string) string { return ResultsDir + "/" + result }

// StepDir returns the directory of the step that runs in a container, which later steps can read.
func StepDir(container string) string { return StepsDir + "/" + container }

// ExitCodePath returns the file that has the exit code of the step that runs in a container, once that has ended.
func ExitCodePath(container string) string { return StepDir(container) + "/exitCode" }

// StepResultPath returns the file that the step at index i writes for the result of this name of its own.
func StepResultPath(step v1.Step, i int, result string) string {
	return StepDir(StepContainer(step, i)) + "/" + stepResults + "/" + result
}

// stepResults is the directory of a step's own results within that of the step.
const stepResults = "results"

// numbered is the name of a volume that is there for the step, the sidecar or the secret at index i.
func numbered(prefix string, i int) string { return prefix + strconv.Itoa(i) }

func runVolume(step int) string { return numbered(runVolumePrefix, step) }

func stepRunDir(step int) string { return RunDir + "/" + strconv.Itoa(step) }

// StepOf returns the name of the step that runs in a container.
func StepOf(container string) string { return strings.TrimPrefix(container, stepPrefix) }

// SidecarOf returns the name of the task's sidecar that runs in a container; ok is false for one that is ours.
func SidecarOf(container string) (sidecar string, ok bool) {
	if container == ResultsContainer {
		return "", false
	}
	return strings.CutPrefix(container, sidecarPrefix)
}

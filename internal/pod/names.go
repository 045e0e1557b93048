package pod

import (
	"strconv"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/name"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// prepareContainer copies the in-pod binary on clusters without image volumes.
const prepareContainer = "prepare"

// Files in the containers.
const (
	passwdFile = "/etc/passwd"

	// plainBinary is the name of the in-pod binary, and signingBinary that of the one with signatures.
	plainBinary   = "inpod"
	signingBinary = "inpod-spiffe"
	// imageBinaryDir is the directory of the in-pod binary in its image (ko's convention).
	imageBinaryDir = "ko-app"

	// ImageBinary is the in-pod binary in its own image.
	ImageBinary = "/" + imageBinaryDir + "/" + plainBinary
)

// The names of volumes that this package adds. Tasks cannot use the prefix. Those with a number exist for each step, sidecar
// or secret.
const (
	binVolume       = v1.ReservedVolumePrefix + "bin"
	resultsVolume   = v1.ReservedVolumePrefix + "results"
	artifactsVolume = v1.ReservedVolumePrefix + "artifacts"
	homeVolume      = v1.ReservedVolumePrefix + "home"
	workspaceVolume = v1.ReservedVolumePrefix + "workspace"
	downwardVolume  = v1.ReservedVolumePrefix + "downward"
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

// ClaimName returns the name of the PersistentVolumeClaim for a workspace that the run binds by volumeClaimTemplate. All
// attempts of a run share it.
func ClaimName(tr *v1.TaskRun, workspace string) string { return name.Claim(string(tr.UID), workspace) }

// numbered returns the name of a volume for the step, the sidecar or the secret at index i.
func numbered(prefix string, i int) string { return prefix + strconv.Itoa(i) }

func runVolume(step int) string { return numbered(runVolumePrefix, step) }

func stepRunDir(step int) string { return podpaths.RunDir + "/" + strconv.Itoa(step) }

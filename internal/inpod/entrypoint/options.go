// Package entrypoint runs a step in its container: it waits for the previous step, runs the step's command, records how it
// ended, and posts that for the other containers of the pod.
package entrypoint

import (
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/credentials"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

// The effects of a failed step on the task.
const (
	// OnErrorStop: the later steps are skipped.
	OnErrorStop = "stopAndFail"
	// OnErrorContinue: the later steps run, and the container exits with 0.
	OnErrorContinue = "continue"
)

// Options describe the command to run, and its environment.
type Options struct {
	// Step is the name of the container, for the record.
	Step string
	// RunDir is the step's run directory. Only a user's sidecar may have none.
	RunDir string
	// After is the run directory of the previous step; empty for the first.
	After string
	// Hold is a file; as long as its content is hold.Held, the step waits. Empty for all but the first step.
	Hold string
	// Conditions must all be true, otherwise the step is skipped.
	Conditions []when.Condition
	// Command is the command and its arguments. If the step has a script, Command[0] is ScriptPath.
	Command []string
	// ScriptPath is the path of the file with the script; empty without a script.
	ScriptPath string
	// Script has the pieces of the script, from script.Encode.
	Script []string
	// References are the results of earlier steps whose tokens are in Conditions, Command, the script and the environment.
	References []stepresult.Reference
	// WorkDir is the working directory, created if it does not exist; empty for that of the image.
	WorkDir string
	// Timeout is the maximum time of the command; 0 means no limit.
	Timeout time.Duration
	// OnError is OnErrorStop or OnErrorContinue.
	OnError string
	// Stdout and Stderr are files to which the command's output is also written; empty for none.
	Stdout, Stderr string
	// Results are the declared results, and the documents of artifacts.
	Results []results.File
	// OwnResults is the directory of the step's own results, and OwnArtifacts that of its document of artifacts. The entrypoint
	// creates them; empty if the step has none.
	OwnResults, OwnArtifacts string
	// ReportResults writes the results of the step into its termination message. Otherwise the results sidecar reads them
	// from their files.
	ReportResults bool
	// ResultsFrom names how the results leave the pod. It has no effect here; it is information for readers of the pod's
	// spec.
	ResultsFrom string
	// MaxResultSize is the maximum length of one result in bytes.
	MaxResultSize int64
	// TerminationPath is the file of the container's termination message; empty for none.
	TerminationPath string
	// TerminationBudget is the number of bytes that the kubelet keeps of it.
	TerminationBudget int
	// Signing is what the step signs when it ends, and Signer how.
	Signing Signing
	Signer  Signer
	// Credentials are those of the service account for the command.
	Credentials []credentials.Credential
	// CredentialsDir is the directory of the created files, and SecretsDir that of the secrets.
	CredentialsDir, SecretsDir string
	// Passwd is the file (/etc/passwd) with the home directory that ssh uses, whatever HOME is. Credentials are copied there
	// too. Empty means none, so that nothing is written outside of the directories above without a request.
	Passwd string
	// BreakBefore and BreakOnFailure pause the step before it starts and after it has failed.
	BreakBefore, BreakOnFailure bool
	// DebugDir is the directory in which the user then answers.
	DebugDir string
	// Stay is for a user's sidecar: its end is recorded, and then the entrypoint waits until the pod ends.
	Stay bool
}

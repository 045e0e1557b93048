// Package entrypoint is what runs a step in its container: it waits for the step before, runs the step's command,
// records how it ended, and posts that for the others in the pod.
package entrypoint

import (
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/credentials"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	"github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

// What happens to the task when a step fails.
const (
	// OnErrorStop: the steps after it are skipped.
	OnErrorStop = "stopAndFail"
	// OnErrorContinue: the steps after it run, and the container itself ends with 0.
	OnErrorContinue = "continue"
)

// Options say what is to be run, and how.
type Options struct {
	// Step is the container's name, for the record.
	Step string
	// RunDir is the step's own run directory; only a user's sidecar may have none.
	RunDir string
	// After is the run directory of the step before, empty for the first.
	After string
	// Conditions must all hold, or the step is skipped.
	Conditions []when.Condition
	// Command is the command to run and its arguments. Args[0] of it is ScriptPath if the step has a script.
	Command []string
	// ScriptPath is where the script goes that Script has the pieces of; empty without a script.
	ScriptPath string
	// Script are the pieces of script.Encode.
	Script []string
	// References are the results of earlier steps whose tokens stand in Conditions, Command, the script and the
	// environment.
	References []stepresult.Reference
	// WorkDir is where the command runs, made if it is not there; empty for the image's.
	WorkDir string
	// Timeout is how long the command may run; 0 means for ever.
	Timeout time.Duration
	// OnError is OnErrorStop or OnErrorContinue.
	OnError string
	// Stdout and Stderr are files that the command's output is written to, besides where it goes anyway; empty for none.
	Stdout, Stderr string
	// Results are the declared results.
	Results []results.File
	// OwnResults is the directory of results of the step's own, which is made; empty when it has none.
	OwnResults string
	// ReportResults says that the step writes the results that it made into its termination message; otherwise they
	// stay where they are, for others to read.
	ReportResults bool
	// ResultsFrom names how the results leave the pod. It does nothing here: whoever reads the pod's spec finds it.
	ResultsFrom string
	// MaxResultSize is the number of bytes that the value of one result may have.
	MaxResultSize int64
	// TerminationPath is the file that becomes the container's termination message; empty for none.
	TerminationPath string
	// TerminationBudget is how many bytes the kubelet keeps of it.
	TerminationBudget int
	// Signing says what the step signs when it ends, and Signer how.
	Signing Signing
	Signer  Signer
	// Credentials of the service account that are made ready for the command.
	Credentials []credentials.Credential
	// CredentialsDir is where they are made ready, and SecretsDir where they come from.
	CredentialsDir, SecretsDir string
	// Passwd is the file (/etc/passwd) that names the home directory in which ssh looks, whatever HOME is; credentials go
	// there as well. Empty for none: only what is asked for is ever written outside of the directories above.
	Passwd string
	// BreakBefore and BreakOnFailure hold the step before it begins and when it has failed.
	BreakBefore, BreakOnFailure bool
	// DebugDir is where the step's user answers then.
	DebugDir string
	// Stay says that this is a user's sidecar: its end is recorded, and then waited until the pod ends.
	Stay bool
}

// Package frame is the wire format of the results stream: records as lines of a log, written in the pod and read in the
// controller. docs/format/results-stream.md specifies it. test/vectors has streams with the required outcome of every
// implementation.
package frame

import (
	"crypto/sha256"
	"time"

	"github.com/sluice-ci/sluice/internal/results"
)

// Version is the version of the format that this package writes, and the only one that it reads.
const Version = 1

// MaxLine is the maximum length of a line in bytes with its newline. Container runtimes split longer lines: CRI-O at 8 KiB,
// containerd at 16 KiB.
const MaxLine = 8192

// FrameBytes is the number of bytes in a data record, before base64. Only the last record of a value may have fewer. It is a
// multiple of three, so that only the last record has a shorter base64 group, and it leaves 192 bytes of a line for
// everything else.
const FrameBytes = 6000

// MaxText is the maximum length in bytes of texts for users (Step.Message, Problem.Detail). The Writer shortens longer ones,
// so that they fit in a line even if JSON needs six bytes for each byte.
const MaxText = 1024

// maxNonce is the maximum length of a nonce in bytes.
const maxNonce = 64

// mark is the start of every line of a stream. The version follows it.
const mark = "~sluice/"

// The kinds of records. A reader skips an unknown kind if it begins with optionalMark. Otherwise it refuses the stream.
const (
	kindIntro     = "intro"
	kindStep      = "step"
	kindResult    = "result"
	kindArtifacts = "artifacts"
	kindData      = "data"
	kindProblem   = "problem"
	kindEnd       = "end"

	optionalMark = '?'
)

// The encodings of a value.
const (
	encodingRaw     = "raw"
	encodingDeflate = "deflate"
)

// Record is one record of a stream: an Intro, Step, Result, Problem or End; with Limits.Signatures also a Certificate or
// Signature.
type Record interface{ record() }

// Intro is the first record of every stream.
type Intro struct {
	// Version is the version of the format.
	Version int
}

// Reason is how a step ended.
type Reason string

// The reasons of a Step.
const (
	// ReasonCompleted: the command ended with exit code 0.
	ReasonCompleted Reason = "Completed"
	// ReasonError: the command ended with another exit code.
	ReasonError Reason = "Error"
	// ReasonContinued: the command ended with another exit code, and the step permits the task to continue.
	ReasonContinued Reason = "Continued"
	// ReasonSkipped: the step did not run. The exit code is SkippedExitCode if an earlier step failed. It is 0 if a when
	// expression of the step is false; the next step then runs.
	ReasonSkipped Reason = "Skipped"
	// ReasonTimedOut: the command was stopped at the timeout of the step. Message has the timeout. The exit code is
	// TimedOutExitCode.
	ReasonTimedOut Reason = "TimeoutExceeded"
	// ReasonCancelled: the step got a signal to stop (SIGTERM, SIGINT) while it waited or ran, and then failed.
	ReasonCancelled Reason = "Cancelled"
	// ReasonKilled: a signal that was not sent through the entrypoint ended the command. The exit code is 128 plus the number
	// of the signal.
	ReasonKilled Reason = "Killed"
	// ReasonStartError: the command could not be started; Message has the cause. The exit code is 127 if it was not found,
	// and 126 otherwise.
	ReasonStartError Reason = "StartError"
	// ReasonLost: the step's entrypoint was killed (usually out of memory) before it could record anything, or it could not
	// record everything; then Message has the cause. If no other exit code is known it is LostExitCode. The container's
	// status in the pod is more reliable.
	ReasonLost Reason = "Lost"
	// ReasonForged: there was a record of the step's end while its command was still running. So the step wrote it, and not
	// the entrypoint. No result of the run is reliable. If no other exit code is known it is LostExitCode.
	ReasonForged Reason = "Forged"
	// ReasonUnfinished: the stream was ended from outside before the step had ended. The exit code is UnfinishedExitCode. The
	// container's status in the pod is more reliable.
	ReasonUnfinished Reason = "Unfinished"
)

// The exit codes of steps without one.
const (
	// SkippedExitCode is recorded for a step that did not run because an earlier one failed.
	SkippedExitCode = 1
	// TimedOutExitCode is recorded for a step that ran into its timeout, whatever its command returned. Clients of the API
	// know it.
	TimedOutExitCode = 1
	// LostExitCode is recorded for a step whose entrypoint was killed: 128 plus SIGKILL.
	LostExitCode = 137
	// UnfinishedExitCode is recorded for a step whose end is unknown.
	UnfinishedExitCode = -1
)

// Step is the record of the end of a step.
type Step struct {
	// Name is the name of the step's container: letters, digits, '-', '_' and '.', at most 255 bytes.
	Name string `json:"name"`
	// ExitCode is the exit code of the command, 128 plus the number of the signal that ended it, or one of the codes above.
	ExitCode int `json:"exitCode"`
	// StartedAt is the start of the command, in UTC. It is zero for a step that did not run.
	StartedAt time.Time `json:"startedAt,omitzero"`
	// FinishedAt is the end of the step, in UTC. It is zero if the end is unknown.
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// Reason is how the step ended: one of the reasons above, or another word of a later writer. A reader must handle an
	// unknown reason as a failure.
	Reason Reason `json:"reason"`
	// Message explains the reason to users, if necessary; at most MaxText bytes.
	Message string `json:"message,omitempty"`
}

// Result is a complete result, or a complete document of artifacts: its value has the length and the digest of its header.
type Result struct {
	// Name is valid by results.ValidName.
	Name string
	// Type is the type that the task declared: string, array or object. A document of artifacts has results.TypeArtifacts, and a
	// record of another kind, which readers that do not know documents refuse.
	Type string
	// Value is the content of the result's file, unchanged.
	Value []byte
	// SHA256 is the digest of Value. The Writer computes it, and ignores this field.
	SHA256 [sha256.Size]byte
}

// ProblemKind is why a result could not be transported.
type ProblemKind string

// The kinds of a Problem.
const (
	// TooLarge: the value exceeds the maximum size of one result.
	TooLarge ProblemKind = "TooLarge"
	// OverBudget: the results of one step do not fit in its container's termination message, and this is the largest of them.
	// Size is the length that the message would have. A results stream has no such problem.
	OverBudget ProblemKind = "OverBudget"
	// TotalTooLarge: with this value, all results together would exceed their limit.
	TotalTooLarge ProblemKind = "TotalTooLarge"
	// NotUTF8: the value is not valid UTF-8, so no API string can hold it.
	NotUTF8 ProblemKind = "NotUTF8"
	// NotRegular: the file at the result's path is not a regular file, or is behind a symbolic link.
	NotRegular ProblemKind = "NotRegular"
	// Unreadable: the file cannot be opened or read.
	Unreadable ProblemKind = "Unreadable"
	// Changed: the file changed while it was read.
	Changed ProblemKind = "Changed"
	// Missing: a step wrote the result, but at the end there is no file at its path: a later step deleted it, or moved it to
	// where the sidecar does not see it.
	Missing ProblemKind = "Missing"
	// Withheld: the result exists, but is not transported because the record of a step is forged (ReasonForged).
	Withheld ProblemKind = "Withheld"
)

// Problem means that a declared result exists but cannot be transported. A run with a problem never succeeds.
type Problem struct {
	// Result is the name of the result.
	Result string `json:"result"`
	// Kind is the kind of problem: one of those above, or another word of a later writer.
	Kind ProblemKind `json:"kind"`
	// Size is the number of bytes of the value, if it is known and relevant; otherwise 0.
	Size int64 `json:"size,omitempty"`
	// Limit is the permitted number of bytes, for the kinds that are about a limit.
	Limit int64 `json:"limit,omitempty"`
	// Detail explains the problem to users; at most MaxText bytes.
	Detail string `json:"detail,omitempty"`
}

// End is the last record. It proves that no record before it is missing.
type End struct {
	// Steps, Results, Problems and Artifacts count the records of each kind. Documents of artifacts do not count as results.
	Steps     int
	Results   int
	Problems  int
	Artifacts int
	// Bytes is the total length of all values, with those of documents of artifacts.
	Bytes int64
	// Interrupted reports that the sender was asked to stop before all steps had ended.
	Interrupted bool
	// SHA256 is the digest of all lines of the stream before this one, with newlines.
	SHA256 [sha256.Size]byte
}

func (Intro) record()   {}
func (Step) record()    {}
func (Result) record()  {}
func (Problem) record() {}
func (End) record()     {}

// resultHeader is the payload of the first record of a result.
type resultHeader struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Size     int64  `json:"size"`
	Encoding string `json:"encoding"`
	Frames   int64  `json:"frames"`
	SHA256   string `json:"sha256"`
}

// artifactsHeader is the payload of the first record of a document of artifacts.
type artifactsHeader struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	Encoding string `json:"encoding"`
	Frames   int64  `json:"frames"`
	SHA256   string `json:"sha256"`
}

// header returns the same header in the form of a result.
func (h artifactsHeader) header() resultHeader {
	return resultHeader{
		Name: h.Name, Type: results.TypeArtifacts, Size: h.Size, Encoding: h.Encoding, Frames: h.Frames, SHA256: h.SHA256,
	}
}

// endPayload is the payload of the end record.
type endPayload struct {
	Steps       int    `json:"steps"`
	Results     int    `json:"results"`
	Problems    int    `json:"problems"`
	Bytes       int64  `json:"bytes"`
	Artifacts   int    `json:"artifacts,omitempty"`
	Interrupted bool   `json:"interrupted,omitempty"`
	SHA256      string `json:"sha256"`
}

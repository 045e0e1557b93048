// Package frame is the wire format of the results stream: records as lines of a log, written in the pod and read in
// the controller. docs/format/results-stream.md specifies it; test/vectors holds streams with the outcome that every
// implementation must have.
package frame

import (
	"crypto/sha256"
	"time"
)

// Version is the version of the format that this package writes, and the only one that it reads.
const Version = 1

// MaxLine is the length of a line in bytes, its newline included. Container runtimes cut longer ones: CRI-O at 8 KiB,
// containerd at 16 KiB.
const MaxLine = 8192

// FrameBytes is the number of bytes that a data record carries, before base64, in all but the last record of a
// value. It is a multiple of three, so that only the last frame has a shorter base64 group, and leaves 192 bytes of a
// line for everything else.
const FrameBytes = 6000

// MaxText is the length in bytes of the texts for people (Step.Message, Problem.Detail): longer ones are shortened
// by the Writer, since such a text must fit its line even when JSON spends six bytes on each byte of it.
const MaxText = 1024

// maxNonce is the length in bytes of the longest nonce.
const maxNonce = 64

// mark begins every line of a stream; the version follows it.
const mark = "~sluice/"

// The kinds of records. A reader passes over a kind that it does not know if it begins with optionalMark, and refuses
// the stream otherwise.
const (
	kindIntro   = "intro"
	kindStep    = "step"
	kindResult  = "result"
	kindData    = "data"
	kindProblem = "problem"
	kindEnd     = "end"

	optionalMark = '?'
)

// The encodings of a value.
const (
	encodingRaw     = "raw"
	encodingDeflate = "deflate"
)

// Record is one thing that a stream says: an Intro, Step, Result, Problem or End; also a Certificate or Signature, when
// they are wanted.
type Record interface{ record() }

// Intro is the first record of every stream.
type Intro struct {
	// Version is the version of the format.
	Version int
}

// Reason says how a step came to its end.
type Reason string

// The reasons of a Step.
const (
	// ReasonCompleted: the command ended with exit code 0.
	ReasonCompleted Reason = "Completed"
	// ReasonError: the command ended with another exit code.
	ReasonError Reason = "Error"
	// ReasonContinued: the command ended with another exit code, and the step says that the task goes on all the same.
	ReasonContinued Reason = "Continued"
	// ReasonSkipped: the step did not run: with SkippedExitCode since an earlier one failed, with 0 since one of the
	// expressions that guard it does not hold. After the latter the next step runs.
	ReasonSkipped Reason = "Skipped"
	// ReasonTimedOut: the command ran longer than the step allows, and was ended; Message says how long that is. The exit
	// code is TimedOutExitCode.
	ReasonTimedOut Reason = "TimeoutExceeded"
	// ReasonCancelled: the step was asked to end (SIGTERM, SIGINT) while it waited or ran, and did so with a failure.
	ReasonCancelled Reason = "Cancelled"
	// ReasonKilled: the command was ended by a signal that nobody sent through the entrypoint; the exit code is 128
	// plus the signal's number.
	ReasonKilled Reason = "Killed"
	// ReasonStartError: the command could not be started; Message says why. The exit code is 127 when it was not found
	// and 126 when it was found.
	ReasonStartError Reason = "StartError"
	// ReasonLost: the step's entrypoint itself was ended (out of memory, usually) before it could record anything, or it
	// could not record it everywhere, and Message says why. Without a better one the exit code is LostExitCode; the
	// container's status in the pod knows better.
	ReasonLost Reason = "Lost"
	// ReasonForged: there was a record of the step's end while its command still ran, so that the step wrote it, and not
	// the entrypoint. No result of the run can be believed. Without a better one the exit code is LostExitCode.
	ReasonForged Reason = "Forged"
	// ReasonUnfinished: the stream was ended from outside while the step had not ended. The exit code is
	// UnfinishedExitCode; the container's status in the pod knows better.
	ReasonUnfinished Reason = "Unfinished"
)

// The exit codes of steps that left none.
const (
	// SkippedExitCode is recorded for a step that did not run since an earlier one failed.
	SkippedExitCode = 1
	// TimedOutExitCode is recorded for a step that ran too long, whatever its command ended with: it is what the tool
	// timeout gives.
	TimedOutExitCode = 124
	// LostExitCode is recorded for a step whose entrypoint was killed: 128 plus SIGKILL.
	LostExitCode = 137
	// UnfinishedExitCode is recorded for a step whose end was not seen.
	UnfinishedExitCode = -1
)

// Step says that a step has ended, and how.
type Step struct {
	// Name is the name of the step's container: letters, digits, '-', '_' and '.', at most 255 bytes.
	Name string `json:"name"`
	// ExitCode is the command's exit code, 128 plus the number of the signal that ended it, or one of the codes above.
	ExitCode int `json:"exitCode"`
	// StartedAt is when the command was started, in UTC. It is zero for a step that did not run.
	StartedAt time.Time `json:"startedAt,omitzero"`
	// FinishedAt is when the step ended, in UTC. It is zero when nobody saw that.
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// Reason says how the step ended: one of those above, or another word that a later writer has for it. Who does not
	// know a reason must take it for a failure.
	Reason Reason `json:"reason"`
	// Message explains the reason to people where there is more to say; at most MaxText bytes.
	Message string `json:"message,omitempty"`
}

// Result is a result, whole: its value has the length and the digest that its sender said.
type Result struct {
	// Name is valid by results.ValidName.
	Name string
	// Type is the type that the task declared: string, array or object.
	Type string
	// Value is the content of the result's file, unchanged.
	Value []byte
	// SHA256 is the digest of Value. The Writer computes it, and ignores what it is given here.
	SHA256 [sha256.Size]byte
}

// ProblemKind says why a result could not be carried.
type ProblemKind string

// The kinds of a Problem.
const (
	// TooLarge: the value has more bytes than one result may have.
	TooLarge ProblemKind = "TooLarge"
	// OverBudget: the results of one step do not fit its container's termination message; this is the one that takes
	// most of it. Size is what the message would have taken. A results stream has no such problem.
	OverBudget ProblemKind = "OverBudget"
	// TotalTooLarge: the value would bring the sum of all results over what they may have together.
	TotalTooLarge ProblemKind = "TotalTooLarge"
	// NotUTF8: the value is not valid UTF-8, so that no API string can hold it.
	NotUTF8 ProblemKind = "NotUTF8"
	// NotRegular: what lies at the result's path is not a regular file, or is reached over a symbolic link.
	NotRegular ProblemKind = "NotRegular"
	// Unreadable: the file cannot be opened or read.
	Unreadable ProblemKind = "Unreadable"
	// Changed: the file did not hold still while it was read.
	Changed ProblemKind = "Changed"
	// Missing: a step left the result, and in the end there is nothing at its path: a later step deleted it, or put
	// it where the sidecar does not see it.
	Missing ProblemKind = "Missing"
	// Withheld: the result is there, and is not carried because the record of a step is forged (ReasonForged).
	Withheld ProblemKind = "Withheld"
)

// Problem says that a declared result exists and cannot be carried. A run with a problem cannot be green.
type Problem struct {
	// Result is the name of the result.
	Result string `json:"result"`
	// Kind says what is wrong: one of those above, or another word that a later writer has for it.
	Kind ProblemKind `json:"kind"`
	// Size is the number of bytes that were found, where that is known and matters; 0 otherwise.
	Size int64 `json:"size,omitempty"`
	// Limit is the number of bytes that would have been admitted, for the kinds that speak of a limit.
	Limit int64 `json:"limit,omitempty"`
	// Detail explains to people what was found; at most MaxText bytes.
	Detail string `json:"detail,omitempty"`
}

// End is the last record: nothing is missing before it.
type End struct {
	// Steps, Results and Problems count the records of each kind.
	Steps    int
	Results  int
	Problems int
	// Bytes is the sum of the lengths of all values.
	Bytes int64
	// Interrupted says that the sender was asked to end before all steps had ended.
	Interrupted bool
	// SHA256 is the digest over every line of the stream before this one, newlines included.
	SHA256 [sha256.Size]byte
}

func (Intro) record()   {}
func (Step) record()    {}
func (Result) record()  {}
func (Problem) record() {}
func (End) record()     {}

// resultHeader is the payload of the record that begins a result.
type resultHeader struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Size     int64  `json:"size"`
	Encoding string `json:"encoding"`
	Frames   int64  `json:"frames"`
	SHA256   string `json:"sha256"`
}

// endPayload is the payload of the end record.
type endPayload struct {
	Steps       int    `json:"steps"`
	Results     int    `json:"results"`
	Problems    int    `json:"problems"`
	Bytes       int64  `json:"bytes"`
	Interrupted bool   `json:"interrupted,omitempty"`
	SHA256      string `json:"sha256"`
}

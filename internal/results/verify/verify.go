// Package verify verifies that the results of a run are those that its steps signed. It is pure: its input is the data from
// the pod, the expected values and the trusted authorities, and its output is a verdict.
package verify

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/signature"
)

// Reason is why results are not verified.
type Reason string

// The reasons of a Verdict. The zero Reason means that the results are verified.
const (
	// SignatureMissing: an ended step has no signature.
	SignatureMissing Reason = "SignatureMissing"
	// SignatureMalformed: the signature of a step cannot be parsed.
	SignatureMalformed Reason = "SignatureMalformed"
	// SignatureInvalid: the proof is not a signature of the statement by the certificate's key.
	SignatureInvalid Reason = "SignatureInvalid"
	// IdentityUntrusted: the certificates do not lead to an authority of the trust domain, or did not at the time of signing.
	IdentityUntrusted Reason = "IdentityUntrusted"
	// IdentityWrong: the certificate is for another identity.
	IdentityWrong Reason = "IdentityWrong"
	// OtherRun: the statement is about another run, another attempt of it, or another step, or was signed at a wrong time.
	OtherRun Reason = "OtherRun"
	// StepChanged: the step's record differs from what the step signed.
	StepChanged Reason = "StepChanged"
	// ResultChanged: a result differs from what its step signed, or a later step also signed it.
	ResultChanged Reason = "ResultChanged"
	// ResultUnsigned: no step has signed a result.
	ResultUnsigned Reason = "ResultUnsigned"
	// ResultMissing: a signed result does not exist any more.
	ResultMissing Reason = "ResultMissing"
)

// Skew is the maximum difference between the clocks of two machines.
const Skew = time.Minute

// Want is what the signatures must match. All fields are required.
type Want struct {
	// Run is the run of the results, and Nonce the nonce of its pod.
	Run   signature.Run
	Nonce string
	// Steps are the names of the steps' containers, in order.
	Steps []string
	// Results are the results that the task declares.
	Results []results.Declared
	// Identity is the path of the pod's SPIFFE ID.
	Identity string
	// Since is the creation time of the pod, and Now the time of the verdict.
	Since, Now time.Time
}

// Trust is the trusted authorities.
type Trust struct {
	// Domain is the trust domain of the identities, and Bundle has its authorities.
	Domain spiffeid.TrustDomain
	Bundle *x509bundle.Bundle
}

// Verdict is whether the results are verified, and otherwise what is wrong.
type Verdict struct {
	// Reason is empty if they are verified.
	Reason Reason
	// Message explains the verdict to users.
	Message string
}

// Verified reports whether the results are those that the steps signed.
func (v Verdict) Verified() bool { return v.Reason == "" }

// Results verifies that the results of set are those that the steps signed. The rules:
//
//   - Each step has signed how it ended, except a step whose entrypoint was killed: such a run has already failed.
//   - A statement is about this run, this pod and its step, and the identity of the run has signed it.
//   - Exactly one step has signed each result. The first step that writes a result is its author. No other step may change it
//     afterwards, even with a signature: all steps of a pod share an identity, so a correction looks the same as tampering.
//   - Each signed result exists. A result that was signed as a problem has that problem, so that the record of a problem
//     cannot be removed either.
func Results(set *collect.Set, want Want, trust Trust) Verdict {
	v := &verifier{set: set, want: want, trust: trust, authors: map[string]authored{}}
	for _, step := range want.Steps {
		if refusal := v.step(step); refusal != nil {
			return *refusal
		}
	}
	if refusal := v.results(); refusal != nil {
		return *refusal
	}
	id, _ := spiffeid.FromPath(trust.Domain, want.Identity) // it was needed before, if any step has signed
	return Verdict{Message: fmt.Sprintf("%d results are as %q signed them in %d steps", len(set.Results), id, len(set.Signatures))}
}

// authored is a result as its first step signed it.
type authored struct {
	step string
	signature.Result
}

type verifier struct {
	set   *collect.Set
	want  Want
	trust Trust
	// authors has the signed results by name.
	authors map[string]authored
}

func refused(reason Reason, format string, args ...any) *Verdict {
	return &Verdict{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// step verifies the signature of one step, and adds its results to the signed ones.
func (v *verifier) step(step string) *Verdict {
	record := v.record(step)
	i := slices.IndexFunc(v.set.Signatures, func(s collect.Signature) bool { return s.Step == step })
	if i < 0 {
		if record.Reason == frame.ReasonLost || record.Reason == frame.ReasonUnfinished || record.Reason == frame.ReasonForged {
			return nil // the entrypoint was killed before it could sign, and the run has failed
		}
		return refused(SignatureMissing, "step %q ended (%s) without a signature", step, record.Reason)
	}
	signed := v.set.Signatures[i].Signed
	if signed.Problem != "" {
		return refused(SignatureMissing, "step %q did not sign: %s", step, signed.Problem)
	}
	statement, refusal := v.verified(step, signed)
	if refusal == nil {
		refusal = v.about(step, statement)
	}
	if refusal != nil {
		return refusal
	}
	if statement.ExitCode != record.ExitCode || statement.Reason != record.Reason {
		return refused(StepChanged, "the record of step %q has exit code %d (%s), but the step signed %d (%s)",
			step, record.ExitCode, record.Reason, statement.ExitCode, statement.Reason)
	}
	return v.take(step, statement.Results)
}

// record returns the record of a step. A Set has one of each.
func (v *verifier) record(step string) frame.Step {
	i := slices.IndexFunc(v.set.Steps, func(s frame.Step) bool { return s.Name == step })
	if i < 0 {
		return frame.Step{Name: step, Reason: frame.ReasonUnfinished}
	}
	return v.set.Steps[i]
}

// about returns why a statement does not belong to this run and step.
func (v *verifier) about(step string, s signature.Statement) *Verdict {
	switch {
	case s.Run != v.want.Run:
		return refused(OtherRun, "the signature of step %q is for TaskRun %s/%s with UID %s, but this is %s/%s with UID %s",
			step, s.Run.Namespace, s.Run.Name, s.Run.UID, v.want.Run.Namespace, v.want.Run.Name, v.want.Run.UID)
	case s.Nonce != v.want.Nonce:
		return refused(OtherRun, "the signature of step %q is for another pod, perhaps for another attempt of this run", step)
	case s.Step != step:
		return refused(OtherRun, "step %q has the signature of step %q", step, s.Step)
	case s.At.Before(v.want.Since.Add(-Skew)):
		return refused(OtherRun, "step %q signed at %s, before its pod was created", step, s.At.Format(time.RFC3339))
	case s.At.After(v.want.Now.Add(Skew)):
		return refused(OtherRun, "step %q signed at %s, which is in the future", step, s.At.Format(time.RFC3339))
	}
	return nil
}

// take records the results of a statement. A result that already has an author was changed.
func (v *verifier) take(step string, list []signature.Result) *Verdict {
	for _, r := range list {
		// A later step may write a result again that could not be transported.
		if first, ok := v.authors[r.Name]; ok && first.Problem == "" {
			return refused(ResultChanged, "result %q of step %q was changed later by step %q: the digest was %s and is %s; "+
				"let only one step write a result", r.Name, first.step, step, first.SHA256, r.SHA256)
		}
		v.authors[r.Name] = authored{step, r}
	}
	return nil
}

// results verifies the existing results, and that no signed result is missing.
func (v *verifier) results() *Verdict {
	for _, r := range v.set.Results {
		a, ok := v.authors[r.Name]
		switch {
		case ok && a.Problem != "":
			return refused(ResultChanged, "step %q signed that result %q cannot be transported (%s), but it has a value", a.step, r.Name, a.Problem)
		case !ok:
			return refused(ResultUnsigned, "no step signed result %q", r.Name)
		case a.Type != r.Type:
			return refused(ResultChanged, "result %q has type %s, but step %q signed type %s", r.Name, r.Type, a.step, a.Type)
		case a.SHA256 != sha256.Sum256(r.Value):
			return refused(ResultChanged,
				"result %q differs from what step %q signed: it was changed after that step had ended; its digest was %s and is %x",
				r.Name, a.step, a.SHA256, sha256.Sum256(r.Value))
		}
		delete(v.authors, r.Name)
	}
	for _, declared := range v.want.Results { // in this order, so that the same is said each time
		a, ok := v.authors[declared.Name]
		switch {
		case !ok:
		case a.Problem != "" && !v.problem(a.Name, anyKind):
			return refused(ResultMissing,
				"step %q signed that result %q cannot be transported (%s), but neither its value nor the problem is there",
				a.step, a.Name, a.Problem)
		case a.Problem == "" && !v.problem(a.Name, leftOut):
			return refused(ResultMissing, "result %q, which step %q signed, does not exist any more", a.Name, a.step)
		}
		delete(v.authors, declared.Name)
	}
	if more := slices.Sorted(maps.Keys(v.authors)); len(more) > 0 {
		return refused(ResultMissing, "step %q signed result %q, which the task does not declare", v.authors[more[0]].step, more[0])
	}
	return nil
}

// problem reports whether a result has a problem of a kind.
func (v *verifier) problem(name string, of func(frame.ProblemKind) bool) bool {
	return slices.ContainsFunc(v.set.Problems, func(p frame.Problem) bool { return p.Result == name && of(p.Kind) })
}

func anyKind(frame.ProblemKind) bool { return true }

// leftOut reports whether a result was omitted although it is unchanged: all results together are too large, or a step forged
// the record of its end.
func leftOut(kind frame.ProblemKind) bool {
	return kind == frame.TotalTooLarge || kind == frame.Withheld
}

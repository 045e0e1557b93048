// Package verify judges whether the results of a run are those that its steps signed. It is pure: what came from the pod,
// what was expected and whom to believe go in, a verdict comes out.
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

// Reason says why results are not believed.
type Reason string

// The reasons of a Verdict; the zero Reason is that of results that are believed.
const (
	// SignatureMissing: a step that ended has left no signature.
	SignatureMissing Reason = "SignatureMissing"
	// SignatureMalformed: what a step left is no signature.
	SignatureMalformed Reason = "SignatureMalformed"
	// SignatureInvalid: the proof is not over the statement, or not by the certificate's key.
	SignatureInvalid Reason = "SignatureInvalid"
	// IdentityUntrusted: the certificates do not lead to an authority of the trust domain, or not at the time of signing.
	IdentityUntrusted Reason = "IdentityUntrusted"
	// IdentityWrong: the certificate is that of another identity.
	IdentityWrong Reason = "IdentityWrong"
	// OtherRun: the statement is about another run, another attempt of it, or another step, or was signed at another time.
	OtherRun Reason = "OtherRun"
	// StepChanged: the step ended otherwise than it signed.
	StepChanged Reason = "StepChanged"
	// ResultChanged: a result is not what the step that left it signed, or a later step has signed it, too.
	ResultChanged Reason = "ResultChanged"
	// ResultUnsigned: no step has signed a result.
	ResultUnsigned Reason = "ResultUnsigned"
	// ResultMissing: a result that a step signed is not there any more.
	ResultMissing Reason = "ResultMissing"
)

// Skew is how far the clocks of two machines may be apart.
const Skew = time.Minute

// Want is what the signatures must agree with. All fields are required.
type Want struct {
	// Run whose results they are, and Nonce of its pod.
	Run   signature.Run
	Nonce string
	// Steps are the names of the steps' containers, in order.
	Steps []string
	// Results that the task declares.
	Results []results.Declared
	// Identity is the path of the SPIFFE ID that the pod has.
	Identity string
	// Since is when the pod was made, and Now the time of the verdict.
	Since, Now time.Time
}

// Trust is whom to believe.
type Trust struct {
	// Domain of the identities, and Bundle of its authorities.
	Domain spiffeid.TrustDomain
	Bundle *x509bundle.Bundle
}

// Verdict says whether results are believed, and if they are not, which one or whose and why.
type Verdict struct {
	// Reason is empty when they are believed.
	Reason Reason
	// Message explains it to people.
	Message string
}

// Verified reports whether the results are those that the steps signed.
func (v Verdict) Verified() bool { return v.Reason == "" }

// Results returns whether the results of set are those that the steps signed. The rules:
//
//   - Each step has signed how it ended, but for those whose entrypoint was killed: such a run has failed anyway.
//   - A statement is about this run, this pod and the step that it came from, and signed by the identity of the run.
//   - A result is the one that exactly one step has signed. The first step that leaves a result is its author; nobody may
//     change it afterwards, not even under a signature of its own. All steps of a pod share an identity, so that from
//     outside a correction cannot be told from tampering.
//   - What was signed is there, and what was signed as something that cannot be carried has its problem. So the record of a
//     problem cannot be taken away either.
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
	id, _ := spiffeid.FromPath(trust.Domain, want.Identity) // it was needed before, when any step has signed
	return Verdict{Message: fmt.Sprintf("%d results are as %q signed them in %d steps", len(set.Results), id, len(set.Signatures))}
}

// authored is a result as the first step that left it signed it.
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

// step judges what one step has signed, and takes its results to those that are signed.
func (v *verifier) step(step string) *Verdict {
	record := v.record(step)
	i := slices.IndexFunc(v.set.Signatures, func(s collect.Signature) bool { return s.Step == step })
	if i < 0 {
		if record.Reason == frame.ReasonLost || record.Reason == frame.ReasonUnfinished || record.Reason == frame.ReasonForged {
			return nil // nobody was there to sign, and the run has failed
		}
		return refused(SignatureMissing, "step %q has ended (%s) and left no signature", step, record.Reason)
	}
	signed := v.set.Signatures[i].Signed
	if signed.Problem != "" {
		return refused(SignatureMissing, "step %q has not signed: %s", step, signed.Problem)
	}
	statement, refusal := v.verified(step, signed)
	if refusal == nil {
		refusal = v.about(step, statement)
	}
	if refusal != nil {
		return refusal
	}
	if statement.ExitCode != record.ExitCode || statement.Reason != record.Reason {
		return refused(StepChanged, "step %q is said to have ended with %d (%s), and has signed %d (%s)",
			step, record.ExitCode, record.Reason, statement.ExitCode, statement.Reason)
	}
	return v.take(step, statement.Results)
}

// record is how a step ended; a Set has one of each.
func (v *verifier) record(step string) frame.Step {
	i := slices.IndexFunc(v.set.Steps, func(s frame.Step) bool { return s.Name == step })
	if i < 0 {
		return frame.Step{Name: step, Reason: frame.ReasonUnfinished}
	}
	return v.set.Steps[i]
}

// about returns why a statement is not one of this run and this step.
func (v *verifier) about(step string, s signature.Statement) *Verdict {
	switch {
	case s.Run != v.want.Run:
		return refused(OtherRun, "the signature of step %q is of TaskRun %s/%s with the UID %s, and this is %s/%s with the UID %s",
			step, s.Run.Namespace, s.Run.Name, s.Run.UID, v.want.Run.Namespace, v.want.Run.Name, v.want.Run.UID)
	case s.Nonce != v.want.Nonce:
		return refused(OtherRun, "the signature of step %q is of another pod: another attempt of this run, perhaps", step)
	case s.Step != step:
		return refused(OtherRun, "what step %q left is the signature of step %q", step, s.Step)
	case s.At.Before(v.want.Since.Add(-Skew)):
		return refused(OtherRun, "step %q says that it signed at %s, before its pod was made", step, s.At.Format(time.RFC3339))
	case s.At.After(v.want.Now.Add(Skew)):
		return refused(OtherRun, "step %q says that it signed at %s, which is still to come", step, s.At.Format(time.RFC3339))
	}
	return nil
}

// take notes the results of a statement. One that has an author already was changed.
func (v *verifier) take(step string, list []signature.Result) *Verdict {
	for _, r := range list {
		// A result that could not be carried may be made anew.
		if first, ok := v.authors[r.Name]; ok && first.Problem == "" {
			return refused(ResultChanged, "result %q was left by step %q, and step %q has changed it afterwards: the digest was %s and is %s; "+
				"let one step alone write a result", r.Name, first.step, step, first.SHA256, r.SHA256)
		}
		v.authors[r.Name] = authored{step, r}
	}
	return nil
}

// results judges the results that there are, and those that there should be.
func (v *verifier) results() *Verdict {
	for _, r := range v.set.Results {
		a, ok := v.authors[r.Name]
		switch {
		case ok && a.Problem != "":
			return refused(ResultChanged, "step %q has signed that result %q cannot be carried (%s), and it has a value", a.step, r.Name, a.Problem)
		case !ok:
			return refused(ResultUnsigned, "result %q was signed by no step", r.Name)
		case a.Type != r.Type:
			return refused(ResultChanged, "result %q is of the type %s, and step %q has signed one of the type %s", r.Name, r.Type, a.step, a.Type)
		case a.SHA256 != sha256.Sum256(r.Value):
			return refused(ResultChanged,
				"result %q is not what step %q signed: it was changed after that step had ended; its digest was %s and is %x",
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
				"step %q has signed that it left result %q, which cannot be carried (%s), and there is neither its value nor the problem",
				a.step, a.Name, a.Problem)
		case a.Problem == "" && !v.problem(a.Name, leftOut):
			return refused(ResultMissing, "result %q, which step %q signed, is not there any more", a.Name, a.step)
		}
		delete(v.authors, declared.Name)
	}
	if more := slices.Sorted(maps.Keys(v.authors)); len(more) > 0 {
		return refused(ResultMissing, "step %q signed a result %q, which the task does not have", v.authors[more[0]].step, more[0])
	}
	return nil
}

// problem reports whether a result has a problem of a kind.
func (v *verifier) problem(name string, of func(frame.ProblemKind) bool) bool {
	return slices.ContainsFunc(v.set.Problems, func(p frame.Problem) bool { return p.Result == name && of(p.Kind) })
}

func anyKind(frame.ProblemKind) bool { return true }

// leftOut reports whether a result was left out though nothing touched it: all results together are too large, or a step
// forged the record of its end.
func leftOut(kind frame.ProblemKind) bool {
	return kind == frame.TotalTooLarge || kind == frame.Withheld
}

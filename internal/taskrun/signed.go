package taskrun

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/pod"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/signature"
	"github.com/sluice-ci/sluice/internal/results/verify"
	"github.com/sluice-ci/sluice/internal/transport"
)

// BundleSource returns the trusted authorities for signatures.
type BundleSource interface {
	// Authorities returns the trust domain and its authorities. The error says why they are unavailable now.
	Authorities() (spiffeid.TrustDomain, *x509bundle.Bundle, error)
}

// trustPatience is how long a run with results waits for the authorities that verify them.
const trustPatience = time.Minute

// bundleUnavailable is the reason if the results could not be verified.
const bundleUnavailable verify.Reason = "TrustBundleUnavailable"

// noteSigning makes the run use what an earlier reconcile has recorded, whatever the flags are now: whether its results are
// signed, and by which identity.
func noteSigning(tr *v1.TaskRun, flags *config.Flags) {
	if tr.Status.Provenance == nil {
		return
	}
	known := flagsOf(tr)
	flags.Signing.By = config.NonfalsifiabilityNone
	if known.EnforceNonfalsifiability != "" {
		flags.Signing.By = config.Nonfalsifiability(known.EnforceNonfalsifiability)
		// Without a record the strict policy and the present identity apply: a record that is lost must not permit more.
		flags.Signing.Policy = config.SigningPolicy(cmp.Or(known.SignedResultsPolicy, string(config.SigningEnforce)))
		flags.Signing.Identity = cmp.Or(known.SignedResultsIdentity, flags.Signing.Identity) // already expanded, without placeholders
	}
}

// signs reports whether the run's results must be signed. Without results there is nothing to sign.
func (o Observation) signs() bool {
	return o.Flags.Signing.On() && o.Task.Spec != nil && len(pod.ResultsOf(o.Task.Spec)) > 0
}

func identityOf(tr *v1.TaskRun, flags config.Flags) string {
	return flags.Signing.IdentityOf(tr.Namespace, tr.Name, string(tr.UID))
}

// signable returns why the signed results could not leave the pod; nil if they can, or need no signature. A run that requires
// signatures never runs without them.
func (o Observation) signable() error {
	if !o.signs() {
		return nil
	}
	if from := transport.Needed(o.ResultsFrom, o.Task.Spec, o.Flags); from != config.SidecarLogs {
		return fmt.Errorf("enforce-nonfalsifiability in ConfigMap feature-flags is %q, and the results of this run come by %q, which "+
			"cannot transport signatures; set results-from: %s there, or the annotation %s: %s of the run or its Task",
			o.Flags.Signing.By, from, config.SidecarLogs, v1.AnnotationResultsFrom, config.SidecarLogs)
	}
	return nil
}

// signingNeeds checks, before the pod is created, whether the signatures of its steps could be verified.
func (r *Reconciler) signingNeeds(obs Observation) Prerequisites {
	if !obs.signs() {
		return Prerequisites{}
	}
	if r.Bundles == nil || r.Inpod.SigningImage == "" {
		return Prerequisites{Blocked: failed(v1.TaskRunReasonResultsSigningUnavailable, fmt.Sprintf(
			"enforce-nonfalsifiability in ConfigMap feature-flags is %q, and the controller was started without --workload-api or "+
				"--inpod-spiffe-image, so that nothing could be signed or verified; apply config/signed-results, or set it to %q",
			obs.Flags.Signing.By, config.NonfalsifiabilityNone))}
	}
	if _, _, err := r.Bundles.Authorities(); err != nil && obs.Flags.Signing.Policy == config.SigningEnforce {
		return Prerequisites{Waiting: &WaitReason{v1.TaskRunReasonPending, "its signed results could not be verified yet: " + err.Error()}}
	}
	return Prerequisites{}
}

// verify verifies the signed results of a run, as soon as there are any.
func (r *Reconciler) verify(tr *v1.TaskRun, obs *Observation) {
	set := obs.Evidence.Set
	if set == nil || !obs.signs() {
		return
	}
	err := errors.New("the controller was started without --workload-api")
	var trust verify.Trust
	if r.Bundles != nil {
		trust.Domain, trust.Bundle, err = r.Bundles.Authorities()
	}
	if err != nil {
		if obs.Now.Before(obs.heard(lastEnd(obs)).Add(trustPatience)) {
			obs.Unverified = err
			return
		}
		obs.Verdict = &verify.Verdict{Reason: bundleUnavailable, Message: "the signatures cannot be verified: " + err.Error()}
		return
	}
	want := verify.Want{
		Run: signature.Run{Namespace: tr.Namespace, Name: tr.Name, UID: string(tr.UID)}, Nonce: set.Nonce,
		Steps: podpaths.StepContainers(obs.Task.Spec), Results: declared(obs.Task.Spec),
		Identity: identityOf(tr, obs.Flags), Now: obs.Now,
	}
	if tr.Status.StartTime != nil {
		want.Since = tr.Status.StartTime.Time
	}
	obs.Verdict = new(verify.Results(set, want, trust))
}

func declared(spec *v1.TaskSpec) []results.Declared {
	all := pod.ResultsOf(spec)
	list := make([]results.Declared, len(all))
	for i, r := range all {
		list[i] = r.Declared
	}
	return list
}

// lastEnd returns when the last step ended, according to the records.
func lastEnd(obs *Observation) time.Time {
	var last time.Time
	for _, s := range obs.Evidence.Set.Steps {
		if s.FinishedAt.After(last) {
			last = s.FinishedAt
		}
	}
	return last
}

// withVerdict adds to an outcome whether the results are those that the steps signed. If the policy enforces that, a run with
// other results fails and does not keep them, because no step has signed them.
func withVerdict(outcome *Outcome, obs Observation) *Outcome {
	v := obs.Verdict
	switch {
	case v == nil && obs.Unverified != nil: // the run was stopped before its results could be verified
		v = &verify.Verdict{Reason: bundleUnavailable, Message: "the signatures were not verified: " + obs.Unverified.Error()}
	case v == nil:
		return outcome
	}
	if v.Verified() {
		outcome.Signed = new(v1.SignedResults(true, v1.SignedResultsReasonVerified, v.Message))
		return outcome
	}
	outcome.Signed = new(v1.SignedResults(false, string(v.Reason), v.Message))
	if obs.Flags.Signing.Policy != config.SigningEnforce {
		return outcome
	}
	outcome.keep(transport.Values{})
	message := fmt.Sprintf("the results are not kept, since they are not those that the steps signed (%s): %s", v.Reason, v.Message)
	reason := v1.TaskRunReasonResultsVerificationFailed
	if c := outcome.Condition; c.Status == metav1.ConditionFalse {
		// The failure of a step, or the stop of the run, has precedence in the message.
		reason, message = c.Reason, c.Message+"; "+message
	}
	outcome.Condition = v1.Failed(reason, message)
	return outcome
}

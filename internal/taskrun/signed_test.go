package taskrun

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/verify"
)

// authorities is a BundleSource that gives none, or says why it has not even those.
type authorities struct{ err error }

func (a authorities) Authorities() (spiffeid.TrustDomain, *x509bundle.Bundle, error) {
	domain := spiffeid.RequireTrustDomainFromString("example.org")
	return domain, x509bundle.New(domain), a.err
}

var errNoBundle = errors.New("no bundle yet")

// signing sets how results are signed.
func signing(policy config.SigningPolicy) func(*Observation) {
	return func(obs *Observation) {
		obs.Flags.Signing.By, obs.Flags.Signing.Policy = config.NonfalsifiabilitySpire, policy
		obs.ResultsFrom = config.SidecarLogs
	}
}

func TestSigningNeeds(t *testing.T) {
	ready := &Reconciler{Dependencies: Dependencies{Bundles: authorities{}, Inpod: Inpod{SigningImage: "image"}}}
	noBundle := &Reconciler{Dependencies: Dependencies{Bundles: authorities{errNoBundle}, Inpod: Inpod{SigningImage: "image"}}}
	byMessages := func(obs *Observation) { obs.ResultsFrom = config.TerminationMessage }
	cases := map[string]struct {
		reason                  string
		r                       *Reconciler
		obs                     Observation
		invalid, blocked, waits string // a part of each
	}{
		"Off": {
			reason: "Who does not ask for signatures needs nothing for them.",
			r:      &Reconciler{},
			obs:    observation(),
		},
		"Ready": {
			reason: "With all that it takes the run begins.",
			r:      ready,
			obs:    observation(signing(config.SigningEnforce)),
		},
		"NoResults": {
			reason: "A task without results has nothing to sign.",
			r:      &Reconciler{},
			obs:    observation(signing(config.SigningEnforce), func(obs *Observation) { obs.Task.Spec.Results = nil }),
		},
		"ByMessages": {
			reason:  "Termination messages carry no signatures, and nobody goes without.",
			r:       ready,
			obs:     observation(signing(config.SigningEnforce), byMessages),
			invalid: "sluice.dev/results-from: sidecar-logs",
		},
		"WarnByMessages": {
			reason:  "Not with the other policy either.",
			r:       ready,
			obs:     observation(signing(config.SigningWarn), byMessages),
			invalid: "sidecar-logs",
		},
		"NoTrust": {
			reason:  "A controller without a Workload API could believe nobody.",
			r:       &Reconciler{Dependencies: Dependencies{Inpod: Inpod{SigningImage: "image"}}},
			obs:     observation(signing(config.SigningWarn)),
			blocked: "--workload-api",
		},
		"NoImage": {
			reason:  "Nor could anything be signed without the image.",
			r:       &Reconciler{Dependencies: Dependencies{Bundles: authorities{}}},
			obs:     observation(signing(config.SigningEnforce)),
			blocked: "--inpod-spiffe-image",
		},
		"NotYet": {
			reason: "A bundle that is still to come is waited for.",
			r:      noBundle,
			obs:    observation(signing(config.SigningEnforce)),
			waits:  "no bundle yet",
		},
		"WarnNotYet": {
			reason: "But not by those who would only be warned.",
			r:      noBundle,
			obs:    observation(signing(config.SigningWarn)),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			invalid, blocked, waits := "", "", ""
			var needs Prerequisites
			if err := tc.obs.signable(); err != nil {
				invalid = err.Error()
			} else {
				needs = tc.r.signingNeeds(tc.obs)
			}
			if o := needs.Blocked; o != nil {
				blocked = o.Condition.Reason + o.Condition.Message
				if o.Condition.Reason != v1.TaskRunReasonResultsSigningUnavailable {
					t.Errorf("%s\nreason %s", tc.reason, o.Condition.Reason)
				}
			}
			if h := needs.Waiting; h != nil {
				waits = h.Message
			}
			for _, c := range []struct{ what, want, got string }{{
				what: "invalid",
				want: tc.invalid,
				got:  invalid,
			}, {
				what: "blocked",
				want: tc.blocked,
				got:  blocked,
			}, {
				what: "waits",
				want: tc.waits,
				got:  waits,
			}} {
				if (c.want == "") != (c.got == "") || !strings.Contains(c.got, c.want) {
					t.Errorf("%s\n%s: %q, want %q", tc.reason, c.what, c.got, c.want)
				}
			}
		})
	}
}

// unsignedSet is what came of a run whose steps have signed nothing.
func unsignedSet(obs *Observation) {
	obs.Evidence.Set = &collect.Set{
		Nonce:   "n0nce",
		Steps:   []frame.Step{step("step-one", 0, frame.ReasonCompleted), step("step-two", 0, frame.ReasonCompleted)},
		Results: []frame.Result{value("digest", "string", "d")},
	}
}

func TestVerify(t *testing.T) {
	late := func(obs *Observation) { obs.Now = epoch().Add(trustPatience + time.Second) }
	cases := map[string]struct {
		reason     string
		trust      BundleSource
		obs        Observation
		unverified bool
		want       verify.Reason // "-" for no verdict
	}{
		"Off": {
			reason: "Who does not ask for signatures is not judged.",
			trust:  authorities{},
			obs:    observation(unsignedSet),
			want:   "-",
		},
		"Running": {
			reason: "Nor is who has no results yet.",
			trust:  authorities{},
			obs:    observation(signing(config.SigningEnforce)),
			want:   "-",
		},
		"Unsigned": {
			reason: "A pod whose steps sign nothing is refused, whoever made it.",
			trust:  authorities{},
			obs:    observation(signing(config.SigningEnforce), unsignedSet),
			want:   verify.SignatureMissing,
		},
		"NotYet": {
			reason:     "The bundle is waited for.",
			trust:      authorities{errNoBundle},
			obs:        observation(signing(config.SigningEnforce), unsignedSet),
			unverified: true,
			want:       "-",
		},
		"Never": {
			reason: "But not for ever.",
			trust:  authorities{errNoBundle},
			obs:    observation(signing(config.SigningEnforce), unsignedSet, late),
			want:   bundleUnavailable,
		},
		"Taken": {
			reason: "A controller that was started anew without a Workload API.",
			obs:    observation(signing(config.SigningEnforce), unsignedSet, late),
			want:   bundleUnavailable,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tr := taskRun(started)
			(&Reconciler{Dependencies: Dependencies{Bundles: tc.trust}}).verify(tr, &tc.obs)
			got := verify.Reason("-")
			if tc.obs.Verdict != nil {
				got = tc.obs.Verdict.Reason
			}
			if got != tc.want || (tc.obs.Unverified != nil) != tc.unverified {
				t.Errorf("%s\nverdict %q, unverified %v, want %q, %t", tc.reason, got, tc.obs.Unverified, tc.want, tc.unverified)
			}
			if state := stateOf(tr, tc.obs, Plan{}); tc.unverified && state != Running {
				t.Errorf("%s\nthe run must not end before it is judged, and its pod may be gone: it is %s", tc.reason, state)
			}
		})
	}
}

func TestAttested(t *testing.T) {
	believed := func(obs *Observation) { obs.Verdict = &verify.Verdict{Message: "all signed"} }
	refused := func(obs *Observation) {
		obs.Verdict = &verify.Verdict{Reason: verify.ResultChanged, Message: `result "digest" by "step-two"`}
	}
	cases := map[string]struct {
		reason    string
		obs       Observation
		condition metav1.Condition
		want      string // the run's reason
		signed    string // status and reason of the other condition
		kept      bool
		message   []string
	}{
		"Off": {
			reason:    "Who does not ask has no condition.",
			obs:       observation(),
			condition: v1.Succeeded("well"),
			want:      v1.TaskRunReasonSucceeded,
			kept:      true,
		},
		"Believed": {
			reason:    "What is believed stays as it is.",
			obs:       observation(signing(config.SigningEnforce), believed),
			condition: v1.Succeeded("well"),
			want:      v1.TaskRunReasonSucceeded,
			signed:    "True TaskRunResultsVerified",
			kept:      true,
		},
		"Enforce": {
			reason:    "What is not believed fails, and is not kept.",
			obs:       observation(signing(config.SigningEnforce), refused),
			condition: v1.Succeeded("well"),
			want:      v1.TaskRunReasonResultsVerificationFailed,
			signed:    "False ResultChanged",
			message:   []string{`"digest"`, `"step-two"`, "ResultChanged"},
		},
		"Warn": {
			reason:    "Or keeps its outcome.",
			obs:       observation(signing(config.SigningWarn), refused),
			condition: v1.Succeeded("well"),
			want:      v1.TaskRunReasonSucceeded,
			signed:    "False ResultChanged",
			kept:      true,
		},
		"Stopped": {
			reason:    "What was stopped before it could be judged is not believed either.",
			obs:       observation(signing(config.SigningEnforce), func(obs *Observation) { obs.Unverified = errNoBundle }),
			condition: v1.Failed(v1.TaskRunReasonTimedOut, "too long"),
			want:      v1.TaskRunReasonTimedOut,
			signed:    "False TrustBundleUnavailable",
			message:   []string{"too long; ", "no bundle yet"},
		},
		"Failed": {
			reason:    "That a step failed is told first.",
			obs:       observation(signing(config.SigningEnforce), refused),
			condition: v1.Failed(v1.TaskRunReasonFailed, "step failed"),
			want:      v1.TaskRunReasonFailed,
			signed:    "False ResultChanged",
			message:   []string{"step failed; ", `"digest"`},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := withVerdict(&Outcome{
				Condition:   tc.condition,
				Results:     []v1.TaskRunResult{{Name: "digest"}},
				StepResults: [][]v1.TaskRunResult{{}},
			}, tc.obs)
			signed := ""
			if got.Signed != nil {
				signed = string(got.Signed.Status) + " " + got.Signed.Reason
			}
			if got.Condition.Reason != tc.want || signed != tc.signed || (got.Results != nil) != tc.kept || (got.StepResults != nil) != tc.kept {
				t.Errorf("%s\ngot %+v, signed %q", tc.reason, got, signed)
			}
			for _, part := range tc.message {
				if !strings.Contains(got.Condition.Message, part) {
					t.Errorf("%s\nmessage %q lacks %q", tc.reason, got.Condition.Message, part)
				}
			}
		})
	}
}

// TestSignedStatus: the condition follows Succeeded, because some clients read only the first condition. One event reports
// it, and the next attempt begins without it.
func TestSignedStatus(t *testing.T) {
	obs := observation(signing(config.SigningWarn), unsignedSet, func(obs *Observation) {
		obs.Verdict = &verify.Verdict{Reason: verify.ResultChanged, Message: "changed"}
	})
	tr := taskRun(started)
	status := nextStatus(tr, Collected, obs)
	if len(status.Conditions) != 2 || status.Conditions[0].Type != v1.ConditionSucceeded ||
		status.Conditions[1].Type != v1.ConditionSignedResults {
		t.Errorf("want Succeeded and then SignedResultsVerified, got %+v", status.Conditions)
	}
	flags := status.Provenance.FeatureFlags
	if flags.EnforceNonfalsifiability != "spire" || flags.SignedResultsPolicy != "warn" ||
		flags.SignedResultsIdentity != "/ns/ci/taskrun/build" {
		t.Errorf("the status says by what the run goes, got %+v", flags)
	}
	told := 0
	for _, e := range eventsFor(tr.Status, status) {
		if e.Reason == string(verify.ResultChanged) && e.Type == "Warning" {
			told++
		}
	}
	if told != 1 || len(eventsFor(status, status)) != 0 {
		t.Errorf("one event tells of it, got %d", told)
	}
	enforced := observation(signing(config.SigningEnforce), unsignedSet, func(obs *Observation) {
		obs.Verdict = &verify.Verdict{Reason: verify.ResultChanged}
	})
	again := nextStatus(taskRun(started, func(tr *v1.TaskRun) { tr.Spec.Retries = 1 }), Collected, enforced)
	if len(again.RetriesStatus) != 1 || signedResults(again) != nil {
		t.Errorf("the attempt keeps its condition, and the next one has none: got %+v", again.Conditions)
	}
}

// nextStatus is the status that a pass without an effect writes.
func nextStatus(tr *v1.TaskRun, state State, obs Observation) v1.TaskRunStatus {
	status, _ := statusFor(tr, state, obs, Plan{}, Effect{})
	return status
}

// TestNoteSigning: a run goes by what it began with, whatever the flags say meanwhile.
func TestNoteSigning(t *testing.T) {
	on := config.Default().Flags
	on.Signing.By = config.NonfalsifiabilitySpire
	noted := func(tr *v1.TaskRun, flags v1.FeatureFlags) *v1.TaskRun {
		tr.Status.Provenance = &v1.Provenance{FeatureFlags: &flags}
		return tr
	}
	flags := on
	noteSigning(taskRun(), &flags)
	if !flags.Signing.On() {
		t.Error("before the first pass the flags count")
	}
	noteSigning(noted(taskRun(), v1.FeatureFlags{MaxResultSize: 1}), &flags)
	if flags.Signing.On() {
		t.Error("a run that began without signatures goes on without")
	}
	flags = config.Default().Flags
	noteSigning(
		noted(taskRun(), v1.FeatureFlags{EnforceNonfalsifiability: "spire", SignedResultsPolicy: "warn", SignedResultsIdentity: "/a/b"}),
		&flags,
	)
	if !flags.Signing.On() || flags.Signing.Policy != config.SigningWarn || identityOf(taskRun(), flags) != "/a/b" {
		t.Errorf("one that began with them goes on with them, got %+v", flags.Signing)
	}
}

package trust

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/api/v1alpha1"
)

// NoMatch is what happens to a definition from another place that no policy matches.
type NoMatch string

// The values of trusted-resources-verification-no-match-policy.
const (
	// NoMatchIgnore: it is used, without a condition.
	NoMatchIgnore NoMatch = "ignore"
	// NoMatchWarn: it is used, with a condition and a line in the log.
	NoMatchWarn NoMatch = "warn"
	// NoMatchFail: the run fails.
	NoMatchFail NoMatch = "fail"
)

// Definition is a definition that a resolver has found.
type Definition struct {
	// Kind and Name are of the definition, and Source is the URI that the resolver reports.
	Kind, Name, Source string
	// Object is the *v1.Task, *v1.Pipeline or *v1beta1.StepAction that the run uses.
	Object metav1.Object
}

// String names the definition and its source in messages, each cut to a bounded length.
func (d Definition) String() string {
	return fmt.Sprintf("%s %q from %q", d.Kind, shown(d.Name), shown(d.Source))
}

// Check is a policy that matches a definition, with its keys.
type Check struct {
	// Policy is the name of the policy.
	Policy string
	Mode   v1alpha1.Mode
	Keys   []Key
	// Other reports that the policy matches only another spelling of the source.
	Other bool
	// Unusable is why the policy has no keys; nil if it has.
	Unusable error
}

// Result is the kind of a verdict, in the order of precedence: the highest one of several definitions counts.
type Result int

// The results.
const (
	// Skipped: no policy matches, and that is allowed.
	Skipped Result = iota
	// Verified: the signature is valid for each policy that matches.
	Verified
	// Warned: a definition may be used although it has no valid signature.
	Warned
	// Refused: a definition must not be used.
	Refused
)

// Verdict is whether a definition may be used.
type Verdict struct {
	Result Result
	// NoPolicy reports that no policy matches.
	NoPolicy bool
	// Message says why it is not verified, and names the definition, its source and the policies.
	Message string
}

// name names the policy in messages.
func (c Check) name() string {
	if c.Other {
		return fmt.Sprintf("VerificationPolicy %q, for another spelling of this source", c.Policy)
	}
	return fmt.Sprintf("VerificationPolicy %q", c.Policy)
}

// Decide verifies a definition by the policies that match it. It must satisfy each policy of mode enforce, with one key of each. Other
// spellings of the source never permit more: if no policy matches the source as it is written, NoMatchFail refuses the definition.
func Decide(d Definition, checks []Check, noMatch NoMatch) Verdict {
	if len(checks) == 0 {
		return withoutPolicy(d, noMatch)
	}
	if v := withoutPolicy(d, noMatch); v.Result == Refused && !slices.ContainsFunc(checks, func(c Check) bool { return !c.Other }) {
		v.Message += fmt.Sprintf("; VerificationPolicy %q matches another spelling of it: write the source as its pattern does", checks[0].Policy)
		return v
	}
	var refused, warned []string
	for _, c := range checks {
		err := c.Unusable
		if err == nil {
			err = Verify(d.Object, c.Keys)
		}
		switch {
		case err == nil:
		case c.Mode == v1alpha1.ModeWarn:
			warned = append(warned, fmt.Sprintf("%s (mode warn): %v", c.name(), err))
		default:
			refused = append(refused, fmt.Sprintf("%s: %v", c.name(), err))
		}
	}
	switch {
	case len(refused) > 0:
		return Verdict{Result: Refused, Message: fmt.Sprintf("%s fails verification: %s", d, strings.Join(refused, "; "))}
	case len(warned) > 0:
		return Verdict{Result: Warned, Message: fmt.Sprintf("%s fails verification: %s", d, strings.Join(warned, "; "))}
	}
	return Verdict{Result: Verified, Message: fmt.Sprintf("%s has a valid signature", d)}
}

func withoutPolicy(d Definition, noMatch NoMatch) Verdict {
	message := fmt.Sprintf("%s: no VerificationPolicy of the namespace matches this source, and "+
		"trusted-resources-verification-no-match-policy in ConfigMap feature-flags is %q", d, noMatch)
	switch noMatch {
	case NoMatchIgnore, "":
		return Verdict{Result: Skipped, NoPolicy: true}
	case NoMatchWarn:
		return Verdict{Result: Warned, NoPolicy: true, Message: message}
	default:
		return Verdict{Result: Refused, NoPolicy: true, Message: message}
	}
}

// Record collects the verdicts of all definitions of a run. A nil Record collects nothing.
type Record struct{ worst Verdict }

// Add adds a verdict. Of several with the same result the first one counts.
func (r *Record) Add(v Verdict) {
	if r != nil && v.Result > r.worst.Result {
		r.worst = v
	}
}

// Verdict returns the verdict with the highest result.
func (r *Record) Verdict() Verdict {
	if r == nil {
		return Verdict{}
	}
	return r.worst
}

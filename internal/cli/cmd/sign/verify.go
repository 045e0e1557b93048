package sign

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/trust"
)

// VerifyOptions has the arguments of `sluice verify`.
type VerifyOptions struct {
	Terminal *terminal.Terminal
	// Files are files with definitions; "-" is Terminal.In.
	Files []string
	// KeyFiles are files of public keys, of which one is enough.
	KeyFiles []string
	// PolicyFiles are files with VerificationPolicies, and with the Secrets to which these refer.
	PolicyFiles []string
	// From is the source that the patterns of the policies must match; empty means that all policies apply.
	From string
}

// NewVerifyCommand returns the command `sluice verify`.
func NewVerifyCommand(t *terminal.Terminal) *cobra.Command {
	o := &VerifyOptions{Terminal: t}
	c := &cobra.Command{
		Use:   "verify FILE... (--key PUBLIC | --policy FILE)",
		Short: "Verify the signatures of Tasks, Pipelines and StepActions in files",
		Long: `Verifies the signature of each Task, Pipeline and StepAction in files: with public keys in PEM, of which one is enough, or by
VerificationPolicies in files, as the controller does. The Secrets of the policies must be in the files as well. Without
--from, each policy applies, whatever its patterns are.

Exit status: 0 all are verified, 1 some are not, 2 a file or a key could not be read.`,
		Example: `  sluice verify signed/build.yaml --key cosign.pub
  sluice verify signed/*.yaml --policy policy.yaml --from https://github.com/team/catalog`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.Files = args
			return o.Run()
		},
	}
	c.Flags().StringSliceVarP(&o.KeyFiles, "key", "k", nil, "`file` of a public key, in PEM; can be repeated")
	c.Flags().StringSliceVar(&o.PolicyFiles, "policy", nil, "`file` with VerificationPolicies and their Secrets; can be repeated")
	c.Flags().StringVar(&o.From, "from", "", "source of the definitions, as `URI`, which the patterns of the policies must match")
	c.MarkFlagsOneRequired("key", "policy")
	c.MarkFlagsMutuallyExclusive("key", "policy")
	return c
}

// Run verifies the definitions, and prints a line about each.
func (o *VerifyOptions) Run() error {
	verify, err := o.verifier()
	if err != nil {
		return err
	}
	found, failed := 0, 0
	for _, file := range o.Files {
		text, err := read(file, o.Terminal.In)
		if err != nil {
			return err
		}
		for _, part := range document.Texts(text) {
			definition, err := parse(part)
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			if definition == nil {
				continue
			}
			found++
			if !o.report(file, definition, verify(definition)) {
				failed++
			}
		}
	}
	switch {
	case found == 0:
		return clierror.New("the files have no Task, Pipeline or StepAction to verify")
	case failed > 0:
		return &clierror.Error{Err: clierror.ErrQuiet, Code: clierror.RunFailed}
	}
	return nil
}

// report prints the verdict about a definition, and reports whether it may be used.
func (o *VerifyOptions) report(file string, d *definition, v trust.Verdict) bool {
	switch v.Result {
	case trust.Verified:
		o.Terminal.Printf("%s: %s: verified\n", file, d)
	case trust.Warned:
		o.Terminal.Printf("%s: %s: warning: %s\n", file, d, v.Message)
	default:
		o.Terminal.Printf("%s: %s: not verified: %s\n", file, d, v.Message)
		return false
	}
	return true
}

// verifier returns the function that verifies a definition.
func (o *VerifyOptions) verifier() (func(*definition) trust.Verdict, error) {
	if len(o.PolicyFiles) > 0 {
		return o.byPolicies()
	}
	var keys []trust.Key
	for _, file := range o.KeyFiles {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the key: %w", err)
		}
		key, err := trust.ParseKey(pem, "")
		if err != nil {
			return nil, fmt.Errorf("cannot use key %q: %w", file, err)
		}
		keys = append(keys, key)
	}
	return func(d *definition) trust.Verdict {
		if err := trust.Verify(d.Object, keys); err != nil {
			return trust.Verdict{Result: trust.Refused, Message: err.Error()}
		}
		return trust.Verdict{Result: trust.Verified}
	}, nil
}

// errNoSecret is the error for a Secret that the files do not have.
var errNoSecret = errors.New("it is not in the files; add it to them")

// byPolicies returns the function that verifies by policies.
func (o *VerifyOptions) byPolicies() (func(*definition) trust.Verdict, error) {
	policies, err := readPolicies(o.PolicyFiles, o.Terminal.In)
	if err != nil {
		return nil, err
	}
	matching, err := o.matching(policies)
	if err != nil {
		return nil, err
	}
	checks := make([]trust.Check, len(matching))
	for i, match := range matching {
		policy := match.Policy
		checks[i] = trust.Check{Policy: policy.Name, Mode: policy.Spec.Mode, Other: match.Other}
		for j := range policy.Spec.Authorities {
			key, err := trust.KeyOf(&policy.Spec.Authorities[j], policy.Namespace, policies.secret)
			if err != nil {
				return nil, fmt.Errorf("cannot use authority %q of VerificationPolicy %q: %w", policy.Spec.Authorities[j].Name, policy.Name, err)
			}
			checks[i].Keys = append(checks[i].Keys, key)
		}
	}
	return func(d *definition) trust.Verdict {
		return trust.Decide(trust.Definition{Kind: d.Kind, Name: d.Object.GetName(), Source: o.From, Object: d.Object}, checks, trust.NoMatchFail)
	}, nil
}

// matching returns the policies that apply.
func (o *VerifyOptions) matching(policies *policyFiles) ([]trust.Match, error) {
	if o.From != "" {
		return trust.Matching(policies.policies, o.From)
	}
	all := make([]trust.Match, len(policies.policies))
	for i := range policies.policies {
		all[i].Policy = &policies.policies[i]
	}
	return all, nil
}

package trust

import (
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/api/v1alpha1"
)

func TestDecide(t *testing.T) {
	by, other := newECDSA(t, elliptic.P256()), newECDSA(t, elliptic.P256())
	check := func(name string, mode v1alpha1.Mode, keys ...pair) Check {
		c := Check{Policy: name, Mode: mode}
		for _, k := range keys {
			c.Keys = append(c.Keys, k.key(t))
		}
		return c
	}
	cases := map[string]struct {
		reason  string
		checks  []Check
		noMatch NoMatch
		want    Result
		message string
	}{
		"Ignore": {
			reason:  "Without a policy, the setting decides.",
			noMatch: NoMatchIgnore,
			want:    Skipped,
		},
		"Warn": {
			reason:  "The definition is used, and the condition says why.",
			noMatch: NoMatchWarn,
			want:    Warned,
			message: `Task "plain" from "git+https://example.com/x": no VerificationPolicy of the namespace matches this source`,
		},
		"Fail": {
			reason:  "The definition is not used.",
			noMatch: NoMatchFail,
			want:    Refused,
			message: `trusted-resources-verification-no-match-policy in ConfigMap feature-flags is "fail"`,
		},
		"Valid": {
			reason:  "One policy, one key.",
			checks:  []Check{check("a", "", by)},
			noMatch: NoMatchFail,
			want:    Verified,
		},
		"OneKeyOfTwo": {
			reason: "One key of a policy is enough.",
			checks: []Check{check("a", v1alpha1.ModeEnforce, other, by)},
			want:   Verified,
		},
		"AllPolicies": {
			reason:  "Each policy of mode enforce must be satisfied.",
			checks:  []Check{check("a", v1alpha1.ModeEnforce, by), check("b", v1alpha1.ModeEnforce, other)},
			want:    Refused,
			message: `fails verification: VerificationPolicy "b": it was changed after it was signed, or was signed with another key`,
		},
		"OnlyWarn": {
			reason:  "A policy of mode warn does not fail the run.",
			checks:  []Check{check("a", v1alpha1.ModeEnforce, by), check("b", v1alpha1.ModeWarn, other)},
			want:    Warned,
			message: `VerificationPolicy "b" (mode warn)`,
		},
		"Unusable": {
			reason:  "A policy without its key is not satisfied.",
			checks:  []Check{{Policy: "a", Unusable: errors.New("no Secret")}},
			want:    Refused,
			message: `VerificationPolicy "a": no Secret`,
		},
		"UnusableWarn": {
			reason:  "The same of mode warn.",
			checks:  []Check{{Policy: "a", Mode: v1alpha1.ModeWarn, Unusable: errors.New("no Secret")}},
			want:    Warned,
			message: `VerificationPolicy "a" (mode warn): no Secret`,
		},
		"NoKeys": {
			reason:  "A policy without authorities permits nothing.",
			checks:  []Check{{Policy: "a"}},
			want:    Refused,
			message: `VerificationPolicy "a": it has no authorities`,
		},
		"OtherSpelling": {
			reason: "A policy for another spelling of the source counts.",
			checks: []Check{{Policy: "a", Keys: []Key{by.key(t)}, Other: true}},
			want:   Verified,
		},
		"OtherSpellingRefuses": {
			reason:  "It cannot be avoided by another spelling.",
			checks:  []Check{{Policy: "a", Keys: []Key{other.key(t)}, Other: true}},
			noMatch: NoMatchIgnore,
			want:    Refused,
			message: `VerificationPolicy "a", for another spelling of this source: it was changed after it was signed`,
		},
		"OtherSpellingAndFail": {
			reason:  "It never permits more.",
			checks:  []Check{{Policy: "a", Mode: v1alpha1.ModeWarn, Other: true}},
			noMatch: NoMatchFail,
			want:    Refused,
			message: `VerificationPolicy "a" matches another spelling of it: write the source as its pattern does`,
		},
		"BothSpellingsAndFail": {
			reason:  "A policy that matches the source as it is written counts, and so does the other one.",
			checks:  []Check{check("a", "", by), {Policy: "b", Keys: []Key{other.key(t)}, Other: true}},
			noMatch: NoMatchFail,
			want:    Refused,
			message: `VerificationPolicy "b", for another spelling of this source`,
		},
		"UnknownMode": {
			reason:  "An unknown mode is the strict one.",
			checks:  []Check{check("a", "later", other)},
			want:    Refused,
			message: `VerificationPolicy "a"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := Definition{Kind: "Task", Name: "plain", Source: "git+https://example.com/x", Object: signed(t, stored(t, "plain.yaml"), by)}
			got := Decide(d, tc.checks, tc.noMatch)
			if got.Result != tc.want || !strings.Contains(got.Message, tc.message) {
				t.Errorf("%s\nwant %v with %q, got %+v", tc.reason, tc.want, tc.message, got)
			}
		})
	}
}

func TestRecordKeepsTheWorst(t *testing.T) {
	r := &Record{}
	for _, v := range []Verdict{
		{Result: Verified, Message: "a"}, {Result: Warned, Message: "b"}, {Result: Verified, Message: "c"}, {Result: Warned, Message: "d"},
	} {
		r.Add(v)
	}
	if got := r.Verdict(); got.Result != Warned || got.Message != "b" {
		t.Errorf("got %+v", got)
	}
	var none *Record
	none.Add(Verdict{Result: Refused})
	if none.Verdict().Result != Skipped {
		t.Error("a record that is not there has a verdict")
	}
}

func TestMatching(t *testing.T) {
	cases := map[string]struct {
		reason  string
		pattern string
		source  string
		want    bool
	}{
		"Equal": {
			reason:  "A URL is a pattern for itself.",
			pattern: "https://github.com/team/catalog.git",
			source:  "https://github.com/team/catalog.git",
			want:    true,
		},
		"Prefix": {
			reason:  "The resolver git adds a prefix.",
			pattern: "https://github.com/team/catalog.git",
			source:  "git+https://github.com/team/catalog.git",
			want:    true,
		},
		"Query": {
			reason:  "A trusted URL in another one is not trusted.",
			pattern: "https://github.com/team/catalog.git",
			source:  "https://evil.example.com/?x=https://github.com/team/catalog.git",
		},
		"Longer": {
			reason:  "Nor is one with more at its end.",
			pattern: "https://github.com/team/",
			source:  "https://github.com/team/x",
		},
		"Anchored": {
			reason:  "Anchors may be given, too.",
			pattern: "^https://github\\.com/team/.*$",
			source:  "git+https://github.com/team/x",
			want:    true,
		},
		"Alternatives": {
			reason:  "Both alternatives must match the whole source.",
			pattern: "^https://a/x|https://b/x$",
			source:  "https://a/xy",
		},
		"LineBreak": {
			reason:  "A source with a line break does not escape a pattern for all sources.",
			pattern: ".*",
			source:  "https://example.com/x\n",
			want:    true,
		},
		"All": {
			reason:  "A definition without a source matches what matches all.",
			pattern: ".*",
			want:    true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := v1alpha1.VerificationPolicy{Spec: v1alpha1.VerificationPolicySpec{Resources: []v1alpha1.ResourcePattern{{Pattern: tc.pattern}}}}
			got, err := Matching([]v1alpha1.VerificationPolicy{p}, tc.source)
			if err != nil || (len(got) == 1) != tc.want {
				t.Errorf("%s\n%v, %v", tc.reason, got, err)
			}
		})
	}
	broken := v1alpha1.VerificationPolicy{Spec: v1alpha1.VerificationPolicySpec{Resources: []v1alpha1.ResourcePattern{{Pattern: "^["}}}}
	broken.Name = "broken"
	if _, err := Matching([]v1alpha1.VerificationPolicy{broken}, "x"); err == nil ||
		!strings.Contains(err.Error(), `VerificationPolicy "broken": spec.resources[0].pattern: "^["`) {
		t.Errorf("a broken pattern: %v", err)
	}
}

// TestMatchingIsBounded: a source or patterns that would take long to compare are refused, and name the limit.
func TestMatchingIsBounded(t *testing.T) {
	patterns := func(count int, pattern string) []v1alpha1.VerificationPolicy {
		out := make([]v1alpha1.VerificationPolicy, count)
		for i := range out {
			out[i].Spec.Resources = []v1alpha1.ResourcePattern{{Pattern: pattern}}
		}
		return out
	}
	cases := map[string]struct {
		policies []v1alpha1.VerificationPolicy
		source   string
		want     string
	}{
		"AtTheLimit": {
			policies: patterns(10, ".*"),
			source:   strings.Repeat("x", maxSource),
		},
		"NoPolicies": {
			source: strings.Repeat("x", maxSource+1),
		},
		"LongSource": {
			policies: patterns(1, ".*"),
			source:   strings.Repeat("x", maxSource+1),
			want:     "it has 4097 bytes, more than the limit of 4096",
		},
		"LargePattern": {
			policies: patterns(1, strings.Repeat(".{1000}", 11)),
			want:     "has more than 10000 elements",
		},
		"LargePatterns": {
			policies: patterns(100, ".{1000}"),
			want:     "have more than 40000 elements together",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Matching(tc.policies, tc.source)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

func TestCheckPolicy(t *testing.T) {
	public := string(newECDSA(t, elliptic.P256()).public)
	data := &v1alpha1.KeyRef{Data: public}
	cases := map[string]struct {
		pattern string
		key     *v1alpha1.KeyRef
		mode    v1alpha1.Mode
		empty   bool
		want    []string
	}{
		"Data": {
			pattern: ".*",
			key:     data,
		},
		"Secret": {
			pattern: ".*",
			key:     &v1alpha1.KeyRef{SecretRef: &corev1.SecretReference{Name: "s", Namespace: "x"}, HashAlgorithm: "SHA512"},
			mode:    v1alpha1.ModeWarn,
		},
		"Nothing": {
			empty: true,
			want:  []string{"spec.resources: Required", "spec.authorities: Required"},
		},
		"Pattern": {
			pattern: "(",
			key:     data,
			want:    []string{`spec.resources[0].pattern: Invalid value: "(": it is not a regular expression`},
		},
		"Unbalanced": {
			pattern: "a)(b",
			key:     data,
			want:    []string{"spec.resources[0].pattern"},
		},
		"LargePattern": {
			pattern: strings.Repeat(".{1000}", 11),
			key:     data,
			want:    []string{"spec.resources[0].pattern", "has more than 10000 elements; make its counts, such as {1000}, smaller"},
		},
		"NoKey": {
			pattern: ".*",
			want:    []string{"spec.authorities[0].key: Required value: give exactly one of data, secretRef and kms"},
		},
		"TwoKeys": {
			pattern: ".*",
			key:     &v1alpha1.KeyRef{Data: public, KMS: "gcpkms://x"},
			want:    []string{"spec.authorities[0].key: Invalid value", "exactly one of data, secretRef and kms"},
		},
		"KMS": {
			pattern: ".*",
			key:     &v1alpha1.KeyRef{KMS: "gcpkms://x"},
			want:    []string{`spec.authorities[0].key.kms: Invalid value: "gcpkms://x"`, "are not supported; export the public key"},
		},
		"NotAKey": {
			pattern: ".*",
			key:     &v1alpha1.KeyRef{Data: "x"},
			want:    []string{"spec.authorities[0].key.data", "it is not a public key in PEM"},
		},
		"Hash": {
			pattern: ".*",
			key:     &v1alpha1.KeyRef{Data: public, HashAlgorithm: "md5"},
			want:    []string{"spec.authorities[0].key.hashAlgorithm: Unsupported value"},
		},
		"NamelessSecret": {
			pattern: ".*",
			key:     &v1alpha1.KeyRef{SecretRef: &corev1.SecretReference{}},
			want:    []string{"spec.authorities[0].key.secretRef.name: Required"},
		},
		"Mode": {
			pattern: ".*",
			key:     data,
			mode:    "later",
			want:    []string{"spec.mode: Unsupported value"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.VerificationPolicy{Spec: v1alpha1.VerificationPolicySpec{Mode: tc.mode}}
			if !tc.empty {
				p.Spec.Resources = []v1alpha1.ResourcePattern{{Pattern: tc.pattern}}
				p.Spec.Authorities = []v1alpha1.Authority{{Name: "a", Key: tc.key}}
			}
			err := CheckPolicy(p).ToAggregate()
			if (err != nil) != (len(tc.want) > 0) {
				t.Fatalf("want %q, got %v", tc.want, err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("want %q in %v", part, err)
				}
			}
		})
	}
}

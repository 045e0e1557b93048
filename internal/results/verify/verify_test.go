package verify_test

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/signature"
	"github.com/sluice-ci/sluice/internal/results/verify"
	"github.com/sluice-ci/sluice/test/testutil/workloadapi"
)

const hash = crypto.SHA256

// resigned says that something is done to the first step's statement, and both steps sign again.
func resigned(change func(w *world, s *signature.Statement)) func(*world) {
	return func(w *world) {
		change(w, w.statements["step-one"])
		w.sign()
	}
}

// byOther says that all steps sign with another certificate.
func byOther(path string, change ...func(*x509.Certificate)) func(*world) {
	return func(w *world) {
		var err error
		if w.signer, err = w.authority.Issue(path, epoch(), change...); err != nil {
			w.t.Fatal(err)
		}
		w.sign()
	}
}

func TestJudge(t *testing.T) {
	cases := map[string]struct {
		reason  string
		change  func(w *world)
		want    verify.Reason
		message []string
	}{
		"Untouched": {
			reason:  "What nobody has touched is believed.",
			change:  func(*world) {},
			message: []string{"3 results", "spiffe://example.org/ns/ci/taskrun/build", "2 steps"},
		},
		"ValueChanged": {
			reason:  "A later step rewrites the file of an earlier one.",
			change:  func(w *world) { w.set.Results[0].Value = []byte("sha256:evil") },
			want:    verify.ResultChanged,
			message: []string{`"digest"`, `"step-one"`},
		},
		"ChangedAndSigned": {
			reason: "A later step is able to sign, too; it is not the author all the same.",
			change: func(w *world) {
				w.set.Results[0].Value = []byte("evil")
				w.statements["step-two"].Results = append(w.statements["step-two"].Results,
					signature.Result{Name: "digest", Type: "string", SHA256: digest("evil")})
				w.sign()
			},
			want:    verify.ResultChanged,
			message: []string{`"digest"`, `"step-one"`, `changed later by step "step-two"`},
		},
		"TypeChanged": {
			reason:  "A string is no array.",
			change:  func(w *world) { w.set.Results[0].Type = "array" },
			want:    verify.ResultChanged,
			message: []string{`"digest"`, "array"},
		},
		"Added": {
			reason: "A result that nobody signed.",
			change: func(w *world) {
				w.set.Results = append(w.set.Results, frame.Result{Name: "unwritten", Type: "string", Value: []byte("x")})
			},
			want:    verify.ResultUnsigned,
			message: []string{`"unwritten"`},
		},
		"Removed": {
			reason:  "A result is taken away, and its run would be green and empty.",
			change:  func(w *world) { w.set.Results = w.set.Results[1:] },
			want:    verify.ResultMissing,
			message: []string{`"digest"`, `"step-one"`},
		},
		"Undeclared": {
			reason: "A step signs what the task does not have.",
			change: resigned(func(_ *world, s *signature.Statement) {
				s.Results = append(s.Results, signature.Result{Name: "more", Type: "string"})
			}),
			want:    verify.ResultMissing,
			message: []string{`"more"`},
		},
		"Swapped": {
			reason: "Two results change places.",
			change: func(w *world) {
				w.set.Results[0].Name, w.set.Results[2].Name = w.set.Results[2].Name, w.set.Results[0].Name
			},
			want: verify.ResultChanged,
		},
		"NoRoom": {
			reason: "That all results together are too large is nobody's tampering.",
			change: func(w *world) {
				w.set.Results = w.set.Results[1:]
				w.set.Problems = []frame.Problem{{Result: "digest", Kind: frame.TotalTooLarge}}
			},
		},
		"Replaced": {
			reason: "That a result cannot be read any more may well be.",
			change: func(w *world) {
				w.set.Results = w.set.Results[1:]
				w.set.Problems = []frame.Problem{{Result: "digest", Kind: frame.NotRegular}}
			},
			want:    verify.ResultMissing,
			message: []string{`"digest"`},
		},
		"SignatureGone": {
			reason:  "A signature is taken away.",
			change:  func(w *world) { w.set.Signatures = w.set.Signatures[1:] },
			want:    verify.SignatureMissing,
			message: []string{`"step-one"`, "Completed"},
		},
		"LastSignatureGone": {
			reason:  "So is that of a step whose results are taken away with it.",
			change:  func(w *world) { w.set.Signatures, w.set.Results = w.set.Signatures[:1], w.set.Results[:2] },
			want:    verify.SignatureMissing,
			message: []string{`"step-two"`},
		},
		"CouldNotSign": {
			reason:  "A step had no identity.",
			change:  func(w *world) { w.set.Signatures[1].Signed = signature.Signed{Problem: "no identity issued"} },
			want:    verify.SignatureMissing,
			message: []string{`"step-two"`, "no identity issued"},
		},
		"Killed": {
			reason: "Nobody can sign for an entrypoint that was killed; that run has failed.",
			change: func(w *world) {
				w.set.Signatures, w.set.Results = w.set.Signatures[:1], w.set.Results[:2]
				w.set.Steps[1].Reason = frame.ReasonLost
			},
		},
		"Unfinished": {
			reason: "Nor for a step that was never seen to end.",
			change: func(w *world) {
				w.set.Signatures, w.set.Results = w.set.Signatures[:1], w.set.Results[:2]
				w.set.Steps[1].Reason = frame.ReasonUnfinished
			},
		},
		"KilledWithResults": {
			reason: "What a killed step left is signed by nobody.",
			change: func(w *world) {
				w.set.Signatures, w.set.Steps[1].Reason = w.set.Signatures[:1], frame.ReasonLost
			},
			want:    verify.ResultUnsigned,
			message: []string{`"notes"`},
		},
		"Exchanged": {
			reason: "A step hands in another's signature.",
			change: func(w *world) {
				w.set.Signatures[0].Step, w.set.Signatures[1].Step = w.set.Signatures[1].Step, w.set.Signatures[0].Step
			},
			want:    verify.OtherRun,
			message: []string{`"step-one"`, `"step-two"`},
		},
		"OtherName": {
			reason:  "The signature of another run of the same task.",
			change:  resigned(func(_ *world, s *signature.Statement) { s.Run.Name = "other" }),
			want:    verify.OtherRun,
			message: []string{"ci/other"},
		},
		"OtherNamespace": {
			reason:  "Or of one in another namespace.",
			change:  resigned(func(_ *world, s *signature.Statement) { s.Run.Namespace = "other" }),
			want:    verify.OtherRun,
			message: []string{"other/build"},
		},
		"OtherUID": {
			reason:  "A run of the same name, before this one.",
			change:  resigned(func(_ *world, s *signature.Statement) { s.Run.UID = "0000" }),
			want:    verify.OtherRun,
			message: []string{"0000", "1111"},
		},
		"OtherAttempt": {
			reason:  "Another pod of the same run.",
			change:  resigned(func(_ *world, s *signature.Statement) { s.Nonce = "0ther" }),
			want:    verify.OtherRun,
			message: []string{"another pod"},
		},
		"TooEarly": {
			reason: "Signed before the pod was there.",
			change: resigned(func(w *world, s *signature.Statement) {
				s.At, w.want.Since = epoch().Add(-30*time.Second), epoch().Add(time.Hour)
			}),
			want:    verify.OtherRun,
			message: []string{"before its pod"},
		},
		"TooLate": {
			reason:  "Signed in the future, when certificates of today are of no use.",
			change:  resigned(func(_ *world, s *signature.Statement) { s.At = epoch().Add(50 * time.Minute) }),
			want:    verify.OtherRun,
			message: []string{"in the future"},
		},
		"StepChanged": {
			reason:  "A failure is made a success.",
			change:  resigned(func(_ *world, s *signature.Statement) { s.ExitCode, s.Reason = 1, frame.ReasonError }),
			want:    verify.StepChanged,
			message: []string{`"step-one"`, "1 (Error)"},
		},
		"NotTheForm": {
			reason: "A text that means the same is not the same.",
			change: func(w *world) {
				s := &w.set.Signatures[0].Signed
				s.Statement = strings.Replace(s.Statement, ":", ": ", 1)
				s.Proof = prove(w.t, w.signer, signature.ToSign(s.Statement))
			},
			want:    verify.SignatureMalformed,
			message: []string{`"step-one"`, "form"},
		},
		"NoCertificate": {
			reason:  "Noise is no certificate.",
			change:  func(w *world) { w.set.Signatures[0].Signed.Chain = [][]byte{{1, 2, 3}} },
			want:    verify.SignatureMalformed,
			message: []string{"certificate 0"},
		},
		"OtherProof": {
			reason:  "A proof over something else.",
			change:  func(w *world) { w.set.Signatures[0].Signed.Proof = w.set.Signatures[1].Signed.Proof },
			want:    verify.SignatureInvalid,
			message: []string{`"step-one"`},
		},
		"WithoutContext": {
			reason: "A signature that the key made for another purpose.",
			change: func(w *world) {
				s := &w.set.Signatures[0].Signed
				s.Proof = prove(w.t, w.signer, []byte(s.Statement))
			},
			want: verify.SignatureInvalid,
		},
		"OtherIdentity": {
			reason:  "Another run's pod has signed.",
			change:  byOther("/ns/ci/taskrun/other"),
			want:    verify.IdentityWrong,
			message: []string{"taskrun/other", "taskrun/build"},
		},
		"Longer": {
			reason: "A path that begins alike.",
			change: byOther(identity + "/x"),
			want:   verify.IdentityWrong,
		},
		"NoIdentity": {
			reason: "A certificate without a SPIFFE ID.",
			change: byOther(identity, func(c *x509.Certificate) { c.URIs = nil }),
			want:   verify.IdentityUntrusted,
		},
		"Expired": {
			reason:  "A certificate whose time was over.",
			change:  byOther(identity, func(c *x509.Certificate) { c.NotAfter = epoch().Add(-time.Second) }),
			want:    verify.IdentityUntrusted,
			message: []string{"step-one", "expired"},
		},
		"NotYet": {
			reason: "A certificate whose time has not come.",
			change: byOther(identity, func(c *x509.Certificate) { c.NotBefore = epoch().Add(time.Second) }),
			want:   verify.IdentityUntrusted,
		},
		"Authority": {
			reason: "An authority signs certificates, and nothing else.",
			change: byOther(identity, func(c *x509.Certificate) { c.IsCA = true }),
			want:   verify.IdentityUntrusted,
		},
		"ForOtherUse": {
			reason:  "A certificate that is not for signatures.",
			change:  byOther(identity, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }),
			want:    verify.IdentityUntrusted,
			message: []string{"not for signatures"},
		},
		"OldCertificate": {
			reason: "Steps run for days, and identities live for an hour: the time of signing counts.",
			change: func(w *world) { w.want.Now = epoch().Add(100 * time.Hour) },
		},
		"OtherDomain": {
			reason: "Another trust domain, with a bundle of its own somewhere.",
			change: func(w *world) {
				other, err := workloadapi.NewAuthority("example.com", epoch())
				if err != nil {
					w.t.Fatal(err)
				}
				if w.signer, err = other.Issue(identity, epoch()); err != nil {
					w.t.Fatal(err)
				}
				w.sign()
			},
			want:    verify.IdentityWrong,
			message: []string{"example.com"},
		},
		"OtherAuthority": {
			reason: "Somebody who calls himself the authority.",
			change: func(w *world) {
				other, err := workloadapi.NewAuthority("example.org", epoch())
				if err != nil {
					w.t.Fatal(err)
				}
				if w.signer, err = other.Issue(identity, epoch()); err != nil {
					w.t.Fatal(err)
				}
				w.sign()
			},
			want:    verify.IdentityUntrusted,
			message: []string{"example.org"},
		},
		"BadPath": {
			reason: "A template that gives no SPIFFE ID believes nobody.",
			change: func(w *world) { w.want.Identity = "ns//x" },
			want:   verify.IdentityWrong,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.change(w)
			got := w.judge()
			if got.Reason != tc.want || got.Verified() != (tc.want == "") {
				t.Fatalf("%s\nverdict %+v, want %q", tc.reason, got, tc.want)
			}
			for _, part := range tc.message {
				if !strings.Contains(got.Message, part) {
					t.Errorf("%s\nmessage %q lacks %q", tc.reason, got.Message, part)
				}
			}
		})
	}
}

// TestAnyChangeIsRefused: whatever is changed in values, names, types, order, steps or run, it is not believed.
func TestAnyChangeIsRefused(t *testing.T) {
	base := newWorld(t)
	if v := base.judge(); !v.Verified() {
		t.Fatal(v)
	}
	rapid.Check(t, func(t *rapid.T) {
		w := *base
		set := *base.set
		set.Results = append([]frame.Result{}, base.set.Results...)
		set.Steps = append([]frame.Step{}, base.set.Steps...)
		set.Signatures = append([]collect.Signature{}, base.set.Signatures...)
		w.set = &set
		i, j := rapid.IntRange(0, 2).Draw(t, "result"), rapid.IntRange(0, 1).Draw(t, "step")
		text := rapid.StringMatching(`[a-z0-9]{1,12}`).Draw(t, "text")
		switch what := rapid.SampledFrom([]string{
			"value", "name", "type", "drop", "double", "run", "uid", "namespace", "nonce", "exit", "reason", "proof",
			"statement", "chain", "unsigned",
		}).Draw(t, "what"); what {
		case "value":
			set.Results[i].Value = append([]byte(text), set.Results[i].Value...)
		case "name":
			set.Results[i].Name = "x" + text
		case "type":
			set.Results[i].Type = map[string]string{"string": "array", "array": "object"}[set.Results[i].Type]
		case "drop":
			set.Results = append(set.Results[:i], set.Results[i+1:]...)
		case "double":
			set.Results = append(set.Results, set.Results[i])
		case "run":
			w.want.Run.Name += text
		case "uid":
			w.want.Run.UID += text
		case "namespace":
			w.want.Run.Namespace += text
		case "nonce":
			w.want.Nonce += text
		case "exit":
			set.Steps[j].ExitCode += 1 + len(text)
		case "reason":
			set.Steps[j].Reason = frame.Reason("X" + text)
		case "proof":
			set.Signatures[j].Signed.Proof = flipped(t, set.Signatures[j].Signed.Proof)
		case "statement":
			set.Signatures[j].Signed.Statement = string(flipped(t, []byte(set.Signatures[j].Signed.Statement)))
		case "chain":
			set.Signatures[j].Signed.Chain = [][]byte{flipped(t, set.Signatures[j].Signed.Chain[0])}
		case "unsigned":
			set.Signatures = append(set.Signatures[:j], set.Signatures[j+1:]...)
		}
		if v := w.judge(); v.Verified() {
			t.Fatalf("believed: %+v", v)
		}
	})
}

// flipped is a copy with one bit changed.
func flipped(t *rapid.T, b []byte) []byte {
	c := append([]byte{}, b...)
	c[rapid.IntRange(0, len(c)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	return c
}

func digest(value string) signature.Digest { return sha256.Sum256([]byte(value)) }

// TestDeclaredOrder: which of several missing results is named does not change from one pass to the next.
func TestDeclaredOrder(t *testing.T) {
	w := newWorld(t)
	w.set.Results = nil
	w.want.Results = []results.Declared{{Name: "images"}, {Name: "digest"}, {Name: "notes"}}
	for range 20 {
		if v := w.judge(); !strings.Contains(v.Message, `"images"`) {
			t.Fatalf("want the first one that is declared, got %+v", v)
		}
	}
}

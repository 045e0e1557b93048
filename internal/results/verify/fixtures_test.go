package verify_test

import (
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/signature"
	"github.com/sluice-ci/sluice/internal/results/verify"
	"github.com/sluice-ci/sluice/test/testutil/workloadapi"
)

const identity = "/ns/ci/taskrun/build"

func epoch() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// world is a run of two steps, of which the first one left two results and the second one left one.
type world struct {
	t         *testing.T
	authority *workloadapi.Authority
	signer    workloadapi.Identity
	set       *collect.Set
	want      verify.Want
	// statements are what the steps say, before they sign it.
	statements map[string]*signature.Statement
}

func newWorld(t *testing.T) *world {
	t.Helper()
	authority, err := workloadapi.NewAuthority("example.org", epoch())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, authority: authority, statements: map[string]*signature.Statement{}}
	w.signer = w.issue(identity)
	run := signature.Run{Namespace: "ci", Name: "build", UID: "1111"}
	w.want = verify.Want{
		Run: run, Nonce: "n0nce", Steps: []string{
			"step-one",
			"step-two",
		}, Identity: identity, Since: epoch().Add(-time.Minute), Now: epoch().Add(time.Minute),
		Results: []results.Declared{
			{Name: "digest", Type: "string"},
			{Name: "images", Type: "array"},
			{Name: "notes", Type: "string"},
			{Name: "unwritten", Type: "string"},
		},
	}
	w.set = &collect.Set{Nonce: "n0nce"}
	for _, step := range w.want.Steps {
		w.set.Steps = append(w.set.Steps, frame.Step{Name: step, Reason: frame.ReasonCompleted, FinishedAt: epoch()})
		w.statements[step] = &signature.Statement{Run: run, Nonce: "n0nce", Step: step, Reason: frame.ReasonCompleted, At: epoch()}
	}
	w.left("step-one", "digest", "string", "sha256:2c26b46b")
	w.left("step-one", "images", "array", `["a","b"]`)
	w.left("step-two", "notes", "string", "")
	w.sign()
	return w
}

func (w *world) issue(path string) workloadapi.Identity {
	w.t.Helper()
	id, err := w.authority.Issue(path, epoch())
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// left adds a result to what a step says and to what came.
func (w *world) left(step, name, typ, value string) {
	s := w.statements[step]
	s.Results = append(s.Results, signature.Result{Name: name, Type: typ, SHA256: sha256.Sum256([]byte(value))})
	w.set.Results = append(w.set.Results, frame.Result{Name: name, Type: typ, Value: []byte(value)})
}

// sign has all steps sign what they say, as the signer.
func (w *world) sign() {
	w.t.Helper()
	w.set.Signatures = nil
	for _, step := range w.want.Steps {
		w.set.Signatures = append(w.set.Signatures, collect.Signature{Step: step, Signed: w.signed(*w.statements[step], w.signer)})
	}
}

func (w *world) signed(s signature.Statement, by workloadapi.Identity) signature.Signed {
	w.t.Helper()
	text, err := s.Text()
	if err != nil {
		w.t.Fatal(err)
	}
	return signature.Signed{Statement: text, Chain: by.Chain(), Proof: prove(w.t, by, signature.ToSign(text))}
}

func prove(t *testing.T, by workloadapi.Identity, message []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(message)
	proof, err := by.Key.Sign(rand.Reader, sum[:], hash)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func (w *world) judge() verify.Verdict {
	w.t.Helper()
	domain := spiffeid.RequireTrustDomainFromString(w.authority.Domain)
	bundle := x509bundle.New(domain)
	bundle.AddX509Authority(w.authority.Certificate)
	return verify.Results(w.set, w.want, verify.Trust{Domain: domain, Bundle: bundle})
}

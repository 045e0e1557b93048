package entrypoint

import (
	"context"
	"errors"
	"time"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/signature"
)

// Signer signs with the identity of the pod. One image of the in-pod binary has a Signer, the other has none.
type Signer interface {
	// Sign signs message with the identity whose SPIFFE ID has this path, which it gets from the Workload API at socket. It
	// returns the proof, and the certificates in DER, the identity's first.
	Sign(ctx context.Context, socket, path string, message []byte) (chain [][]byte, proof []byte, err error)
}

// Signing is what a step signs, and its identity.
type Signing struct {
	// Socket is the address of the Workload API; empty if nothing is signed.
	Socket string
	// Identity is the path of the SPIFFE ID.
	Identity string
	// Run is the TaskRun of the step, and Nonce the nonce of its pod.
	Run   signature.Run
	Nonce string
}

// The maximum time to get an identity: in general, and after the container was stopped. The results sidecar then waits two
// seconds.
const (
	signPatience   = 20 * time.Second
	endingPatience = time.Second
)

// sign writes the signed statement of the step about its results to the run directory, or the reason why it could not be
// signed. This comes before the step's end is posted, so that observers of the end also see the statement. It contains the
// results that the step wrote or changed since the survey; other steps have signed the others.
func (o Options) sign(procs *processes, step frame.Step, left leftovers) error {
	if o.Signing.Socket == "" {
		return nil
	}
	signed, err := o.signed(procs, step, left)
	if err != nil {
		signed = signature.Unsigned(err)
	}
	document, err := signed.Encode()
	if err != nil {
		if document, err = signature.Unsigned(err).Encode(); err != nil {
			return err
		}
	}
	return rundir.PostSignature(o.RunDir, document)
}

func (o Options) signed(procs *processes, step frame.Step, left leftovers) (signature.Signed, error) {
	if o.Signer == nil {
		return signature.Signed{}, errors.New("this image of the in-pod binary cannot sign: use that of cmd/inpod-spiffe")
	}
	text, err := signature.Statement{
		Run: o.Signing.Run, Nonce: o.Signing.Nonce, Step: o.Step, ExitCode: step.ExitCode, Reason: step.Reason,
		At: time.Now().UTC(), Results: o.made(left),
	}.Text()
	if err != nil {
		return signature.Signed{}, err
	}
	ctx, cancel := patience(procs.asking)
	defer cancel()
	chain, proof, err := o.Signer.Sign(ctx, o.Signing.Socket, o.Signing.Identity, signature.ToSign(text))
	if err != nil {
		return signature.Signed{}, err
	}
	return signature.Signed{Statement: text, Chain: chain, Proof: proof}, nil
}

// made returns the results that the step wrote or changed since the survey, with their digests, and those that cannot be
// transported, with their problems.
func (o Options) made(left leftovers) []signature.Result {
	var made []signature.Result
	for i, after := range left.after {
		r := signature.Result{Name: o.Results[i].Name, Type: o.Results[i].Type, SHA256: after.digest, Problem: after.problem.Kind}
		if after != left.before[i] && (after.there || r.Problem != "") {
			made = append(made, r)
		}
	}
	return made
}

// patience returns a context for the maximum time of signing.
func patience(asking <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), signPatience)
	go func() {
		select {
		case <-asking:
		case <-ctx.Done():
			return
		}
		timer := time.NewTimer(endingPatience)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

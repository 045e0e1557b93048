// Package spiffe reads from a SPIFFE Workload API: in a pod the identity to sign with, and in the controller the trust bundle
// to verify identities with.
package spiffe

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// askAgain is the pause after the first response without an identity. It doubles up to askAgainMost. A new pod has no identity
// until its registration reaches the node.
const (
	askAgain     = 50 * time.Millisecond
	askAgainMost = time.Second
)

// Signer signs with the key of an X.509 identity of this process from the Workload API. It has no state.
type Signer struct{}

// Sign returns the signature of message by the identity whose SPIFFE ID has this path, and the certificates of the identity
// in DER, leaf first. socket is the address of the Workload API (unix:///path). Sign retries until the identity exists or ctx
// ends; the error then has the last response.
func (Signer) Sign(ctx context.Context, socket, path string, message []byte) (chain [][]byte, proof []byte, err error) {
	svid, err := identity(ctx, socket, path)
	if err != nil {
		return nil, nil, err
	}
	proof, err = prove(svid.PrivateKey, message)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot sign as %q: %w", svid.ID, err)
	}
	for _, c := range svid.Certificates {
		chain = append(chain, c.Raw)
	}
	return chain, proof, nil
}

func identity(ctx context.Context, socket, path string) (*x509svid.SVID, error) {
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(socket))
	if err != nil {
		return nil, fmt.Errorf("cannot use Workload API %q: %w", socket, err)
	}
	defer client.Close() //nolint:errcheck // nothing is written through it
	var last error
	for pause := askAgain; ; pause = min(2*pause, askAgainMost) {
		svids, err := client.FetchX509SVIDs(ctx)
		if err == nil {
			var svid *x509svid.SVID
			if svid, err = pick(svids, path); err == nil {
				return svid, nil
			}
		}
		if last == nil || ctx.Err() == nil {
			last = err // keep the cause, not the end of ctx
		}
		if !wait(ctx, pause) {
			return nil, fmt.Errorf("cannot get identity %q from the Workload API at %q in time: %w", path, socket, last)
		}
	}
}

// pick returns the identity with this path. A pod can have other identities, too.
func pick(svids []*x509svid.SVID, path string) (*x509svid.SVID, error) {
	var others []string
	for _, svid := range svids {
		if svid.ID.Path() == path {
			return svid, nil
		}
		others = append(others, svid.ID.String())
	}
	return nil, fmt.Errorf("it returned only %s", strings.Join(others, ", "))
}

// prove signs with a fixed algorithm for each type of key, so that a signature does not need to name its algorithm.
func prove(key crypto.Signer, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	switch key.Public().(type) {
	case *ecdsa.PublicKey:
		return key.Sign(rand.Reader, sum[:], crypto.SHA256)
	case *rsa.PublicKey:
		return key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case ed25519.PublicKey:
		return key.Sign(rand.Reader, message, crypto.Hash(0))
	}
	return nil, errors.New("the key is neither ECDSA nor RSA nor Ed25519")
}

// wait waits for a duration. It returns false if ctx ends earlier.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

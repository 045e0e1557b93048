// Package spiffe is both ends of what this project asks of a SPIFFE Workload API: in a pod an identity to sign with, in
// the controller the authorities by which identities are believed.
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

// askAgain is the wait after the first answer without an identity; it doubles up to askAgainMost. A new pod has none until
// its registration has reached the node.
const (
	askAgain     = 50 * time.Millisecond
	askAgainMost = time.Second
)

// Signer signs with the key of an X.509 identity that the Workload API gives to the process. It holds nothing.
type Signer struct{}

// Sign returns the proof over message by the key of the identity whose SPIFFE ID has this path, and its certificates in
// DER, the identity's own first. socket is the address of the Workload API (unix:///path). It asks until there is such an
// identity, or ctx ends; the error then says what the last answer was.
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
			last = err // and not that nobody waits any more
		}
		if !wait(ctx, pause) {
			return nil, fmt.Errorf("the Workload API at %q gave no identity %q in time: %w", socket, path, last)
		}
	}
}

// pick returns the identity with this path: a pod can have others, too.
func pick(svids []*x509svid.SVID, path string) (*x509svid.SVID, error) {
	var others []string
	for _, svid := range svids {
		if svid.ID.Path() == path {
			return svid, nil
		}
		others = append(others, svid.ID.String())
	}
	return nil, fmt.Errorf("it gave %s", strings.Join(others, ", "))
}

// prove signs in the one way that there is for each type of key, so that a signature need not say how it was made.
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
	return nil, errors.New("its key is neither ECDSA nor RSA nor Ed25519")
}

// wait reports whether so much time has passed; not when ctx ends before.
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

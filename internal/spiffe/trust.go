package spiffe

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// Trust knows the controller's trust domain and the authorities of it, as the Workload API says them, kept up to date.
type Trust struct {
	socket string
	log    logr.Logger

	mu     sync.Mutex
	source *workloadapi.X509Source
}

// NewTrust returns a Trust that asks the Workload API at an address such as unix:///run/spiffe/agent.sock, once it is
// started.
func NewTrust(socket string, log logr.Logger) *Trust { return &Trust{socket: socket, log: log} }

// Start keeps the authorities up to date until ctx ends. A Workload API that does not answer, or that has no identity for
// the controller yet, is asked again and again: runs that need it wait meanwhile, and say so.
func (t *Trust) Start(ctx context.Context) error {
	t.log.Info("asking the Workload API for the trust bundle", "socket", t.socket)
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(t.socket)))
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("cannot use Workload API %q: %w", t.socket, err)
	}
	defer source.Close() //nolint:errcheck // nothing is written through it
	t.mu.Lock()
	t.source = source
	t.mu.Unlock()
	t.log.Info("the trust bundle is there", "socket", t.socket)
	<-ctx.Done()
	return nil
}

// NeedLeaderElection lets a controller that stands by have the authorities already.
func (*Trust) NeedLeaderElection() bool { return false }

// Authorities returns the trust domain that the controller itself is in, and its authorities. The error says why they are
// not to be had now.
func (t *Trust) Authorities() (spiffeid.TrustDomain, *x509bundle.Bundle, error) {
	t.mu.Lock()
	source := t.source
	t.mu.Unlock()
	if source == nil {
		return spiffeid.TrustDomain{}, nil, fmt.Errorf("the Workload API at %q has not given the controller an identity and a trust bundle yet", t.socket)
	}
	own, err := source.GetX509SVID()
	if err != nil {
		return spiffeid.TrustDomain{}, nil, fmt.Errorf("the controller has no identity: %w", err)
	}
	domain := own.ID.TrustDomain()
	bundle, err := source.GetX509BundleForTrustDomain(domain)
	if err != nil {
		return spiffeid.TrustDomain{}, nil, fmt.Errorf("there is no trust bundle of %q: %w", domain, err)
	}
	return domain, bundle, nil
}

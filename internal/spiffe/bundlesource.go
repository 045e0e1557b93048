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

// BundleSource follows the trust domain of the controller and its authorities in the Workload API.
type BundleSource struct {
	socket string
	log    logr.Logger

	mu     sync.Mutex
	source *workloadapi.X509Source
}

// NewBundleSource returns a BundleSource for the Workload API at an address such as unix:///run/spiffe/agent.sock. It connects
// in Start.
func NewBundleSource(socket string, log logr.Logger) *BundleSource {
	return &BundleSource{socket: socket, log: log}
}

// Start keeps the authorities up to date until ctx ends. It retries while the Workload API does not respond or has no identity
// for the controller. Runs that need the authorities wait meanwhile and report that.
func (s *BundleSource) Start(ctx context.Context) error {
	s.log.Info("waiting for the trust bundle of the Workload API", "socket", s.socket)
	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClientOptions(workloadapi.WithAddr(s.socket)))
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("cannot use Workload API %q: %w", s.socket, err)
	}
	defer source.Close() //nolint:errcheck // nothing is written through it
	s.mu.Lock()
	s.source = source
	s.mu.Unlock()
	s.log.Info("received the trust bundle", "socket", s.socket)
	<-ctx.Done()
	return nil
}

// NeedLeaderElection returns false, so that a standby replica has the authorities when it becomes the leader.
func (*BundleSource) NeedLeaderElection() bool { return false }

// Authorities returns the trust domain of the controller and its authorities. The error says why they are unavailable.
func (s *BundleSource) Authorities() (spiffeid.TrustDomain, *x509bundle.Bundle, error) {
	s.mu.Lock()
	source := s.source
	s.mu.Unlock()
	if source == nil {
		return spiffeid.TrustDomain{}, nil,
			fmt.Errorf("the Workload API at %q has not provided an identity and a trust bundle for the controller yet", s.socket)
	}
	own, err := source.GetX509SVID()
	if err != nil {
		return spiffeid.TrustDomain{}, nil, fmt.Errorf("cannot read the identity of the controller: %w", err)
	}
	domain := own.ID.TrustDomain()
	bundle, err := source.GetX509BundleForTrustDomain(domain)
	if err != nil {
		return spiffeid.TrustDomain{}, nil, fmt.Errorf("cannot read the trust bundle of %q: %w", domain, err)
	}
	return domain, bundle, nil
}

// Package policies reads the VerificationPolicies of a namespace and their keys, and verifies definitions by them.
package policies

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/internal/trust"
)

const (
	// maxAge is how long the policies of a namespace are used before they are read again. A PipelineRun with many references
	// reads them once, and a changed policy applies within this time.
	maxAge = time.Second
	// maxNamespaces is the maximum number of namespaces whose policies are kept.
	maxNamespaces = 64
	// pageSize is the number of policies in one response of the API server, which has at most 1.5 MiB for each of them.
	pageSize = 4
	// maxPolicies is the maximum number of policies of a namespace, and maxBytes that of the bytes of their patterns and keys.
	maxPolicies, maxBytes = 100, 1 << 20
	// maxKeys is the maximum number of keys of all policies of a namespace, and maxSecrets that of their references to Secrets:
	// each key takes the time of four verifications, and each Secret is a request to the API server.
	maxKeys, maxSecrets = 256, 64
)

// Policies verifies definitions. A nil *Policies verifies none.
type Policies struct {
	// live reads from the API server: a policy that an administrator has tightened must not be missed by a cache.
	live    client.Reader
	clock   clock.PassiveClock
	noMatch func() trust.NoMatch

	mu    sync.Mutex
	known map[string]namespace
}

// namespace has the policies of a namespace, as they were read at a time.
type namespace struct {
	policies []v1alpha1.VerificationPolicy
	read     time.Time
	// checks are the policies of this namespace whose keys were read, by name. No value of a Secret is kept, only public keys.
	checks map[string]trust.Check
}

// New returns Policies. noMatch returns the current setting for definitions that no policy matches.
func New(live client.Reader, clock clock.PassiveClock, noMatch func() trust.NoMatch) *Policies {
	return &Policies{live: live, clock: clock, noMatch: noMatch, known: map[string]namespace{}}
}

// Check verifies a definition by the policies of a namespace. The error is one of the API server that may be transient.
func (p *Policies) Check(ctx context.Context, in string, d trust.Definition) (trust.Verdict, error) {
	if p == nil {
		return trust.Verdict{}, nil
	}
	known, err := p.of(ctx, in)
	if tooMany, ok := errTooMany(err); ok {
		return trust.Verdict{Result: trust.Refused, Message: fmt.Sprintf("%s cannot be verified: %v", d, tooMany)}, nil
	}
	if err != nil {
		return trust.Verdict{}, err
	}
	matching, err := trust.Matching(known.policies, d.Source)
	if err != nil {
		return trust.Verdict{Result: trust.Refused, Message: fmt.Sprintf("%s cannot be verified: %v", d, err)}, nil
	}
	checks := make([]trust.Check, len(matching))
	for i, match := range matching {
		if checks[i], err = p.check(ctx, known, match.Policy); err != nil {
			return trust.Verdict{}, err
		}
		checks[i].Other = match.Other
	}
	verdict := trust.Decide(d, checks, p.noMatch())
	if verdict.Result == trust.Warned {
		log.FromContext(ctx).Info("definition is used without a valid signature", "namespace", in, "because", verdict.Message)
	}
	return verdict, nil
}

// of returns the policies of a namespace.
func (p *Policies) of(ctx context.Context, in string) (namespace, error) {
	now := p.clock.Now()
	p.mu.Lock()
	known, ok := p.known[in]
	p.mu.Unlock()
	if ok && now.Before(known.read.Add(maxAge)) {
		return known, nil
	}
	found, err := p.list(ctx, in)
	if err != nil {
		return namespace{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxNamespaces {
		clear(p.known)
	}
	p.known[in] = namespace{policies: found, read: now, checks: map[string]trust.Check{}}
	return p.known[in], nil
}

// list reads the policies of a namespace. A cluster that does not serve the kind has none.
func (p *Policies) list(ctx context.Context, in string) ([]v1alpha1.VerificationPolicy, error) {
	var all []v1alpha1.VerificationPolicy
	total, next := extent{}, ""
	for {
		page := &v1alpha1.VerificationPolicyList{}
		err := p.live.List(ctx, page, client.InNamespace(in), client.Limit(pageSize), client.Continue(next))
		if unserved(err) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list the VerificationPolicies of namespace %q: %w", in, err)
		}
		for i := range page.Items {
			policy := &page.Items[i]
			total.add(policy)
			if len(all) == maxPolicies || total.exceeds() {
				return nil, &tooManyError{in}
			}
			all = append(all, v1alpha1.VerificationPolicy{
				ObjectMeta: metav1.ObjectMeta{Namespace: policy.Namespace, Name: policy.Name}, Spec: policy.Spec,
			})
		}
		if next = page.Continue; next == "" {
			return all, nil
		}
	}
}

// unserved reports whether the API server does not serve VerificationPolicies. If their CRD was deleted a moment ago, the API
// server responds with "not found", but names no object.
func unserved(err error) bool {
	return err != nil && (meta.IsNoMatchError(err) || apierrors.IsNotFound(err))
}

// extent is what policies cost: the bytes of their patterns and keys, and the numbers of keys and of references to Secrets.
type extent struct{ bytes, keys, secrets int }

func (e *extent) exceeds() bool {
	return e.bytes > maxBytes || e.keys > maxKeys || e.secrets > maxSecrets
}

func (e *extent) add(p *v1alpha1.VerificationPolicy) {
	for i := range p.Spec.Resources {
		e.bytes += len(p.Spec.Resources[i].Pattern)
	}
	e.keys += len(p.Spec.Authorities)
	for i := range p.Spec.Authorities {
		e.bytes += len(p.Spec.Authorities[i].Name)
		key := p.Spec.Authorities[i].Key
		if key == nil {
			continue
		}
		e.bytes += len(key.Data) + len(key.KMS) + len(key.HashAlgorithm)
		if key.SecretRef != nil {
			e.secrets++
			e.bytes += len(key.SecretRef.Namespace) + len(key.SecretRef.Name)
		}
	}
}

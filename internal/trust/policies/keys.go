package policies

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/internal/trust"
)

// transientError is an error of the API server that says nothing about a Secret.
type transientError struct{ err error }

func (e *transientError) Error() string { return e.err.Error() }

func (e *transientError) Unwrap() error { return e.err }

// check returns a policy of a namespace with its keys, which are read once for as long as the policies are used.
func (p *Policies) check(ctx context.Context, in namespace, policy *v1alpha1.VerificationPolicy) (trust.Check, error) {
	p.mu.Lock()
	known, ok := in.checks[policy.Name]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	read, err := p.read(ctx, policy)
	if err != nil {
		return read, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	in.checks[policy.Name] = read
	return read, nil
}

// read returns a policy with its keys. A key that cannot be used makes the whole policy unusable.
func (p *Policies) read(ctx context.Context, policy *v1alpha1.VerificationPolicy) (trust.Check, error) {
	out := trust.Check{Policy: policy.Name, Mode: policy.Spec.Mode}
	for i := range policy.Spec.Authorities {
		authority := &policy.Spec.Authorities[i]
		key, err := trust.KeyOf(authority, policy.Namespace, func(namespace, name string) ([]byte, error) {
			return p.secret(ctx, types.NamespacedName{Namespace: namespace, Name: name})
		})
		if transient, ok := errors.AsType[*transientError](err); ok {
			return out, transient
		}
		if err != nil {
			out.Unusable = fmt.Errorf("cannot use authority %q: %w", authority.Name, private(policy, authority, err))
			return out, nil
		}
		out.Keys = append(out.Keys, key)
	}
	return out, nil
}

// private returns the error for a user of the policy's namespace. About a Secret of another namespace it says the same whatever
// is wrong, so that a policy cannot be used to find out which Secrets exist there.
func private(policy *v1alpha1.VerificationPolicy, a *v1alpha1.Authority, err error) error {
	if a.Key == nil || a.Key.SecretRef == nil {
		return err
	}
	ref := a.Key.SecretRef
	if ref.Namespace == "" || ref.Namespace == policy.Namespace {
		return fmt.Errorf("secretRef: %w", err)
	}
	return fmt.Errorf("secretRef: Secret %q of namespace %q does not exist, or has no public key", ref.Name, ref.Namespace)
}

// secret returns the value of the only key of a Secret.
func (p *Policies) secret(ctx context.Context, name types.NamespacedName) ([]byte, error) {
	secret := &corev1.Secret{}
	err := p.live.Get(ctx, name, secret)
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return nil, fmt.Errorf("cannot get Secret %q of namespace %q: %w", name.Name, name.Namespace, err)
	case err != nil:
		return nil, &transientError{fmt.Errorf("cannot get Secret %q of namespace %q: %w", name.Name, name.Namespace, err)}
	case len(secret.Data) != 1:
		return nil, fmt.Errorf("the Secret %q has %d keys; want one, whose value is the public key", name.Name, len(secret.Data))
	}
	for _, value := range secret.Data {
		return value, nil
	}
	return nil, nil
}

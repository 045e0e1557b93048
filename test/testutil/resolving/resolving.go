// Package resolving calls a resolver in tests as cmd/resolvers does: Prepare, then Fetch.
package resolving

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// Params returns params of type string.
func Params(texts map[string]string) []v1.Param {
	var all []v1.Param
	for name, text := range texts {
		all = append(all, v1.Param{Name: name, Value: v1.StringValue(text)})
	}
	return all
}

// Secrets are the Secrets of a namespace, by name, with their data. It is a resolvers.Secrets.
type Secrets map[string]map[string]string

// Secret returns a Secret.
func (s Secrets) Secret(_ context.Context, name string) (*corev1.Secret, error) {
	texts, ok := s[name]
	if !ok {
		return nil, resolvers.Failed(nil, "cannot read Secret %q: it does not exist", name)
	}
	secret := &corev1.Secret{Data: map[string][]byte{}}
	secret.Name = name
	for key, text := range texts {
		secret.Data[key] = []byte(text)
	}
	return secret, nil
}

// ServiceAccount returns an error: there are no service accounts.
func (Secrets) ServiceAccount(_ context.Context, name string) (*corev1.ServiceAccount, error) {
	return nil, resolvers.Failed(nil, "cannot read ServiceAccount %q: it does not exist", name)
}

// Call calls a resolver for a request of namespace "team".
func Call(ctx context.Context, resolver resolvers.Resolver, params []v1.Param, settings map[string]string,
	secrets Secrets) (*resolvers.Plan, *resolvers.Resource, error) {
	known, err := resolvers.NewParams(params)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot use params: %w", err)
	}
	plan, err := resolver.Prepare(ctx, &resolvers.Request{Namespace: "team", Params: known, Settings: settings, Secrets: secrets})
	if err != nil {
		return nil, nil, err
	}
	resource, err := plan.Fetch(ctx)
	return plan, resource, err
}

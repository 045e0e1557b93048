package resolve

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/remote"
	"github.com/sluice-ci/sluice/internal/resolvers"
)

// secrets reads Secrets of the user's namespace.
type secrets struct{ source cluster.Source }

// Secret implements resolvers.Secrets.
func (s *secrets) Secret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	return secret, s.get(ctx, "Secret", name, secret)
}

// ServiceAccount implements resolvers.Secrets.
func (s *secrets) ServiceAccount(ctx context.Context, name string) (*corev1.ServiceAccount, error) {
	account := &corev1.ServiceAccount{}
	return account, s.get(ctx, "ServiceAccount", name, account)
}

func (s *secrets) get(ctx context.Context, kind, name string, into client.Object) error {
	c, err := s.source.Connect()
	if err == nil {
		err = c.Client.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, into)
	}
	if err != nil {
		return resolvers.Failed(err, "cannot read %s %q: %v", kind, name, err)
	}
	return nil
}

// inCluster lets the resolvers of the cluster fetch the definition.
func (o *Options) inCluster(ctx context.Context, params []v1.Param) (*resolvers.Resource, error) {
	c, err := o.Source.Connect()
	if err != nil {
		return nil, clierror.Hint(err, "without a cluster only the resolvers git and bundles can be used")
	}
	reader := &remote.Reader{Client: c.Client, Namespace: c.Namespace, Timeout: o.Timeout}
	return reader.Read(ctx, &v1.ResolverRef{Resolver: o.Resolver, Params: params})
}

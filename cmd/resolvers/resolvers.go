package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/bundles"
	"github.com/sluice-ci/sluice/internal/resolvers/cluster"
	"github.com/sluice-ci/sluice/internal/resolvers/git"
	"github.com/sluice-ci/sluice/internal/resolvers/hub"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/internal/resolvers/settings"
	"github.com/sluice-ci/sluice/internal/resolvers/web"
)

// entry is a resolver: its settings, and how it is built.
type entry struct {
	spec  settings.Spec
	build func(network *outbound.Network, live client.Reader, watcher *settings.Watcher) resolvers.Resolver
}

// all returns the resolvers of this program.
func all() []entry {
	return []entry{
		{
			spec: settings.Spec{Type: web.Type, ConfigMap: settings.HTTPName},
			build: func(network *outbound.Network, _ client.Reader, _ *settings.Watcher) resolvers.Resolver {
				return web.New(network)
			},
		},
		{
			spec: settings.Spec{Type: hub.Type, ConfigMap: settings.HubName, Keys: hub.Keys()},
			build: func(network *outbound.Network, _ client.Reader, _ *settings.Watcher) resolvers.Resolver {
				return hub.New(network)
			},
		},
		{
			spec: settings.Spec{Type: git.Type, ConfigMap: settings.GitName, Keys: git.Keys(), Prefixed: true},
			build: func(network *outbound.Network, live client.Reader, _ *settings.Watcher) resolvers.Resolver {
				return git.New(git.Options{Network: network, Secret: secretsOf(live)})
			},
		},
		{
			spec: settings.Spec{Type: bundles.Type, ConfigMap: settings.BundlesName, Keys: bundles.Keys()},
			build: func(network *outbound.Network, _ client.Reader, _ *settings.Watcher) resolvers.Resolver {
				return bundles.New(bundles.Options{Network: network})
			},
		},
		{
			spec: settings.Spec{Type: cluster.Type, ConfigMap: settings.ClusterName, Keys: cluster.Keys()},
			build: func(_ *outbound.Network, live client.Reader, watcher *settings.Watcher) resolvers.Resolver {
				return cluster.New(live, func() resolve.ClusterPolicy { return resolve.PolicyOf(watcher.Load().Cluster) })
			},
		},
	}
}

// secretsOf returns a function that reads Secrets of the administrator.
func secretsOf(live client.Reader) func(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return func(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
		secret := &corev1.Secret{}
		err := live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret)
		return secret, err
	}
}

// specs returns the settings of all resolvers.
func specs() []settings.Spec {
	var specs []settings.Spec
	for _, one := range all() {
		specs = append(specs, one.spec)
	}
	return specs
}

package main

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/resolve"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/cluster"
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
			spec: settings.Spec{Type: cluster.Type, ConfigMap: settings.ClusterName, Keys: cluster.Keys()},
			build: func(_ *outbound.Network, live client.Reader, watcher *settings.Watcher) resolvers.Resolver {
				return cluster.New(live, func() resolve.ClusterPolicy { return resolve.PolicyOf(watcher.Load().Cluster) })
			},
		},
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

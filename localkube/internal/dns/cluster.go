package dns

import (
	"context"
	"errors"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	core "k8s.io/client-go/listers/core/v1"
	discovery "k8s.io/client-go/listers/discovery/v1"
)

// Cluster is a Source that watches the API server.
type Cluster struct {
	services core.ServiceLister
	slices   discovery.EndpointSliceLister
}

// Watch returns a source that watches the API server until ctx ends. It returns after the first complete list.
func Watch(ctx context.Context, client kubernetes.Interface) (*Cluster, error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	c := &Cluster{
		services: factory.Core().V1().Services().Lister(),
		slices:   factory.Discovery().V1().EndpointSlices().Lister(),
	}
	// A call of Informer makes the factory start the informer.
	_ = factory.Core().V1().Services().Informer()
	_ = factory.Discovery().V1().EndpointSlices().Informer()
	factory.Start(ctx.Done())
	for _, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, errors.New("cannot list Services: stopped before the list was complete")
		}
	}
	return c, nil
}

// Addresses implements Source.
func (c *Cluster) Addresses(namespace, service, host string) ([]netip.Addr, bool) {
	found, err := c.services.Services(namespace).Get(service)
	if err != nil {
		return nil, false
	}
	if host == "" && found.Spec.ClusterIP != corev1.ClusterIPNone {
		address, err := netip.ParseAddr(found.Spec.ClusterIP)
		if err != nil {
			return nil, true // a Service of type ExternalName has no address
		}
		return []netip.Addr{address}, true
	}
	slices, err := c.slices.EndpointSlices(namespace).List(labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: service}))
	if err != nil {
		return nil, false
	}
	addresses := endpoints(slices, host)
	return addresses, host == "" || len(addresses) > 0
}

// endpoints collects the addresses of the ready endpoints, or of the one with that host name.
func endpoints(slices []*discoveryv1.EndpointSlice, host string) []netip.Addr {
	var addresses []netip.Addr
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			named := endpoint.Hostname != nil && *endpoint.Hostname == host
			ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
			if !ready || (host != "" && !named) {
				continue
			}
			for _, text := range endpoint.Addresses {
				if address, err := netip.ParseAddr(text); err == nil {
					addresses = append(addresses, address)
				}
			}
		}
	}
	return addresses
}

// Package network connects the node's network with the host's, and forwards connections from the host's loopback address into
// it.
package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

const (
	// nodeLink is the node's end of the uplink, in the node's network.
	nodeLink = "uplink"
	// uplinkBits is the prefix length of an uplink's network: room for two hosts.
	uplinkBits = 30
)

// uplinkPool is the range of the uplinks' networks: the range for benchmarks between networks (RFC 2544), which is not
// routed.
func uplinkPool() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18}), 15) }

// HostLink returns the name of the host's end of the cluster's uplink.
func HostLink(dir state.Dir) string { return "lk" + dir.ID() }

// ChooseUplink chooses a network for the uplink that this host does not use. The MTU is that of the default route.
func ChooseUplink() (state.Uplink, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return state.Uplink{}, fmt.Errorf("cannot list the addresses of this host: %w", err)
	}
	used := make([]netip.Prefix, 0, len(addresses))
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		if err != nil {
			return state.Uplink{}, fmt.Errorf("cannot parse address %q: %w", address, err)
		}
		used = append(used, prefix.Masked())
	}
	network, err := firstFree(uplinkPool(), used)
	if err != nil {
		return state.Uplink{}, err
	}
	mtu, err := defaultMTU()
	if err != nil {
		return state.Uplink{}, err
	}
	host := network.Addr().Next()
	return state.Uplink{Host: netip.PrefixFrom(host, uplinkBits), Node: host.Next(), MTU: mtu}, nil
}

// firstFree returns the first uplink network of the pool that does not overlap with a used one.
func firstFree(pool netip.Prefix, used []netip.Prefix) (netip.Prefix, error) {
	for address := pool.Addr(); pool.Contains(address); {
		candidate := netip.PrefixFrom(address, uplinkBits)
		if !overlapsAny(candidate, used) {
			return candidate, nil
		}
		for range 1 << (32 - uplinkBits) {
			address = address.Next()
		}
	}
	return netip.Prefix{}, fmt.Errorf("cannot find a free network in %s", pool)
}

func overlapsAny(candidate netip.Prefix, used []netip.Prefix) bool {
	for _, one := range used {
		if one.Overlaps(candidate) {
			return true
		}
	}
	return false
}

// defaultMTU returns the MTU of the default route's link, or that of Ethernet if there is no default route.
func defaultMTU() (int, error) {
	const ethernet = 1500
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return 0, fmt.Errorf("cannot list the routes of this host: %w", err)
	}
	for _, route := range routes {
		if route.Dst != nil && !route.Dst.IP.IsUnspecified() {
			continue
		}
		link, err := netlink.LinkByIndex(route.LinkIndex)
		if err != nil {
			return 0, fmt.Errorf("cannot find the link of the default route: %w", err)
		}
		return link.Attrs().MTU, nil
	}
	return ethernet, nil
}

// Connect creates the uplink between this network and the network of the process. The process configures its own end with
// SetUpNode.
func Connect(dir state.Dir, u state.Uplink, pid int) error {
	name := HostLink(dir)
	pair := &netlink.Veth{
		LinkAttrs:     netlink.LinkAttrs{Name: name, MTU: u.MTU},
		PeerName:      nodeLink,
		PeerNamespace: netlink.NsPid(pid),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("cannot create link %q: %w", name, err)
	}
	return configure(name, u.Host)
}

// Disconnect removes the uplink if it still exists. The kernel removes it with the node's network.
func Disconnect(dir state.Dir) error { return removeLink(HostLink(dir)) }

// removeLink removes a link, and the other end of its pair, if it exists.
func removeLink(name string) error {
	link, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot find link %q: %w", name, err)
	}
	if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("cannot remove link %q: %w", name, err)
	}
	return nil
}

// SetUpNode configures the node's end of the uplink and the loopback link, in the network of the caller. Each pod has its own
// route. An address of the range podCIDR without a route belonged to a deleted pod, and becomes unreachable. Otherwise the
// packets would leave through the uplink, and a host with that address would answer instead of the pod.
func SetUpNode(u state.Uplink, podCIDR string) error {
	return setUp(netip.PrefixFrom(u.Node, uplinkBits), u.Host.Addr(), podCIDR)
}

// setUp configures the loopback link, and the uplink with the address and the gateway of all other networks.
func setUp(address netip.Prefix, gateway netip.Addr, podCIDR string) error {
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("cannot find the loopback link: %w", err)
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return fmt.Errorf("cannot set up the loopback link: %w", err)
	}
	if err := configure(nodeLink, address); err != nil {
		return err
	}
	if err := netlink.RouteAdd(&netlink.Route{Gw: gateway.AsSlice()}); err != nil {
		return fmt.Errorf("cannot route to %s: %w", gateway, err)
	}
	pods, err := netlink.ParseIPNet(podCIDR)
	if err != nil {
		return fmt.Errorf("cannot parse the range of pods %q: %w", podCIDR, err)
	}
	if err := netlink.RouteAdd(&netlink.Route{Dst: pods, Type: unix.RTN_UNREACHABLE}); err != nil {
		return fmt.Errorf("cannot keep packets to pods from leaving the node: %w", err)
	}
	return nil
}

// configure assigns the address to the link and sets it up.
func configure(name string, address netip.Prefix) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("cannot find link %q: %w", name, err)
	}
	parsed, err := netlink.ParseAddr(address.String())
	if err != nil {
		return fmt.Errorf("cannot parse address %q: %w", address, err)
	}
	if err := netlink.AddrAdd(link, parsed); err != nil {
		return fmt.Errorf("cannot give link %q the address %s: %w", name, address, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("cannot set up link %q: %w", name, err)
	}
	return nil
}

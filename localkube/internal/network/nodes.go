package network

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// bridgeLink is the bridge in the network of the node with the control plane. Each other node has a link to it, which is called as
// the node. Nothing of this exists on the host.
const bridgeLink = "nodes"

// Member is a node that is connected to the bridge.
type Member struct {
	// Name of the node, at most 15 characters.
	Name string
	// Address of the node with the length of the prefix of the nodes' network.
	Address netip.Prefix
	// PodCIDR is the range of the addresses of its pods.
	PodCIDR string
}

// hardware returns the hardware address for the node with that address. It is fixed, so that a node that was started again, with a
// new link, is reachable at once: the others remember the hardware address.
func hardware(address netip.Addr) net.HardwareAddr {
	ip := address.As4()
	return append(net.HardwareAddr{0x02, 0x00}, ip[:]...) // 02: assigned locally
}

// SetUpBridge creates the bridge in this network, with the address of this node, and routes to the pods of the other nodes.
func SetUpBridge(address netip.Prefix, mtu int, others []Member) error {
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{
		Name: bridgeLink, MTU: mtu,
		// Without this, the bridge takes one of a link, and another one when that link is removed.
		HardwareAddr: hardware(address.Addr()),
	}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("cannot create bridge %q: %w", bridgeLink, err)
	}
	if err := configure(bridgeLink, address); err != nil {
		return err
	}
	for _, other := range others {
		pods, err := netlink.ParseIPNet(other.PodCIDR)
		if err != nil {
			return fmt.Errorf("cannot parse the range of pods %q: %w", other.PodCIDR, err)
		}
		if err := netlink.RouteAdd(&netlink.Route{Dst: pods, Gw: other.Address.Addr().AsSlice()}); err != nil {
			return fmt.Errorf("cannot route to the pods of node %q: %w", other.Name, err)
		}
	}
	return nil
}

// Attach connects the network of the process, which is that of another node, with the bridge. The process configures its own end
// with SetUpMember.
func Attach(m Member, mtu, pid int) error {
	pair := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: m.Name, MTU: mtu},
		PeerName:         nodeLink,
		PeerNamespace:    netlink.NsPid(pid),
		PeerHardwareAddr: hardware(m.Address.Addr()),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		return fmt.Errorf("cannot create link %q: %w", m.Name, err)
	}
	link, err := netlink.LinkByName(m.Name)
	if err != nil {
		return fmt.Errorf("cannot find link %q: %w", m.Name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("cannot set up link %q: %w", m.Name, err)
	}
	return Heal(m.Name)
}

// Detach removes the link of a node, if it still exists. The kernel removes it some time after the node has ended.
func Detach(name string) error { return removeLink(name) }

// Partition takes the link of the node from the bridge, so that every packet between the node and the others is lost without a
// trace.
func Partition(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("cannot find link %q: %w", name, err)
	}
	if err := netlink.LinkSetNoMaster(link); err != nil {
		return fmt.Errorf("cannot take link %q from the bridge: %w", name, err)
	}
	return nil
}

// Heal reverts Partition.
func Heal(name string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("cannot find link %q: %w", name, err)
	}
	bridge, err := netlink.LinkByName(bridgeLink)
	if err != nil {
		return fmt.Errorf("cannot find bridge %q: %w", bridgeLink, err)
	}
	if err := netlink.LinkSetMaster(link, bridge); err != nil {
		return fmt.Errorf("cannot connect link %q to the bridge: %w", name, err)
	}
	return nil
}

// SetUpMember configures the link to the bridge and the loopback link, in the network of another node. All packets that are not
// for its own pods go to the gateway, which is the node with the control plane.
func SetUpMember(m Member, gateway netip.Addr) error { return setUp(m.Address, gateway, m.PodCIDR) }

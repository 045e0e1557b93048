package component

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/localkube/internal/pki"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// MaxNodes is the largest number of nodes of a cluster. Each runs its own container runtime and kubelet on one machine.
const MaxNodes = 5

const (
	// NodeCIDR is the range of the addresses of the nodes when there are several, in networks that only they see.
	NodeCIDR = "10.243.0.0/24"
	// podBits is the prefix length of a node's range of pods when there are several: room for 8 nodes with 8190 pods each.
	podBits = 19
)

// Node is one node of a cluster.
type Node struct {
	// Number is 1 for the node with the control plane.
	Number int
	// Name of the Node object, and of the node in orders.
	Name string
	// Address at which the API server reaches the kubelet. It is in NodeCIDR, except for node 1, whose is that of the uplink.
	Address netip.Addr
	// PodCIDR is the range of the addresses of the node's pods.
	PodCIDR string
	// Labels are the labels in addition to those of the kubelet, each as KEY=VALUE.
	Labels []string
}

// Nodes returns the nodes of the cluster, in the order of their numbers.
func (c Cluster) Nodes() []Node {
	nodes := make([]Node, 0, max(1, c.Cluster.Nodes))
	for number := 1; number <= max(1, c.Cluster.Nodes); number++ {
		nodes = append(nodes, c.node(number))
	}
	return nodes
}

// Workers returns the nodes other than the one with the control plane.
func (c Cluster) Workers() []Node { return c.Nodes()[1:] }

// Self is the node whose components are described.
func (c Cluster) Self() Node { return c.node(max(1, c.On)) }

// OfNode returns the cluster, with the components of another of its nodes described.
func (c Cluster) OfNode(number int) Cluster {
	c.On = number
	return c
}

func (c Cluster) node(number int) Node {
	n := Node{Number: number, Name: nodeName(number), Address: c.Uplink.Node, PodCIDR: PodCIDR}
	if number > 1 {
		n.Address = nthAddress(number)
	}
	if c.Cluster.Nodes > 1 {
		n.PodCIDR = nthPodCIDR(number)
		n.Labels = append(n.Labels, fmt.Sprintf("%s=zone-%d", corev1.LabelTopologyZone, number))
	}
	for _, label := range c.NodeLabels {
		// A later label of the same key replaces an earlier one in the kubelet.
		if rest, ok := strings.CutPrefix(label, n.Name+":"); ok {
			n.Labels = append(n.Labels, rest)
		}
	}
	return n
}

// NodeNames returns the names of the nodes of a cluster with that many.
func NodeNames(count int) []string {
	var names []string
	for number := 1; number <= count; number++ {
		names = append(names, nodeName(number))
	}
	return names
}

func nodeName(number int) string {
	if number == 1 {
		return NodeName
	}
	return fmt.Sprintf("%s-%d", NodeName, number)
}

// nthAddress returns the address of a node in NodeCIDR. Node 1 has it in addition to that of its uplink.
func nthAddress(number int) netip.Addr {
	address := netip.MustParsePrefix(NodeCIDR).Addr()
	for range number {
		address = address.Next()
	}
	return address
}

// nthPodCIDR returns the range of the pods of a node.
func nthPodCIDR(number int) string {
	const step = 1 << (24 - podBits) // in the third number of the address
	return fmt.Sprintf("10.244.%d.0/%d", (number-1)*step, podBits)
}

// Gateway returns the address of node 1 for the other nodes, with the length of the prefix.
func Gateway() netip.Prefix {
	return netip.PrefixFrom(nthAddress(1), netip.MustParsePrefix(NodeCIDR).Bits())
}

// InNodeCIDR returns the address of the node with the length of the prefix of NodeCIDR.
func (n Node) InNodeCIDR() netip.Prefix { return netip.PrefixFrom(n.Address, Gateway().Bits()) }

// Home is the directory of the files of the described node.
func (c Cluster) Home() state.Dir {
	if n := c.Self(); n.Number > 1 {
		return c.Dir.Node(n.Name)
	}
	return c.Dir
}

// CgroupParent is the control group above all pods of the described node, without a leading slash. The groups of the other nodes
// are in that of node 1, so that they are removed with it.
func (c Cluster) CgroupParent() string {
	cluster := "localkube-" + c.Dir.ID()
	if n := c.Self(); n.Number > 1 {
		return cluster + "/" + n.Name
	}
	return cluster
}

// RegistryAddress is the address of the image registry for the container runtime of the described node.
func (c Cluster) RegistryAddress() string {
	if c.Self().Number > 1 {
		return c.RegistryForPods()
	}
	return fmt.Sprintf("%s:%d", loopback, c.RegistryPort)
}

// nodeAPIURL is the URL of the API server for the components of the described node.
func (c Cluster) nodeAPIURL() string {
	if c.Self().Number > 1 {
		return "https://" + netip.AddrPortFrom(c.Uplink.Node, c.APIAddress().Port()).String()
	}
	return c.APIURL()
}

// Certificates returns the certificates that the nodes after the first need, in the form of the package pki.
func (c Cluster) Certificates() []pki.Worker {
	var workers []pki.Worker
	for _, n := range c.Workers() {
		workers = append(workers, pki.Worker{Name: n.Name, IP: n.Address.String()})
	}
	return workers
}

// nodeClient and kubeletServer are the names of the certificates of the described node.
func (c Cluster) nodeClient() string { return pki.OfNode(pki.NodeClient, c.workerName()) }

func (c Cluster) kubeletServer() string { return pki.OfNode(pki.Kubelet, c.workerName()) }

// workerName is the name of the described node, or empty for node 1.
func (c Cluster) workerName() string {
	if n := c.Self(); n.Number > 1 {
		return n.Name
	}
	return ""
}

// NodeSpec starts a whole node: another supervisor, in namespaces in the namespaces of this one.
func (c Cluster) NodeSpec(n Node) Spec {
	return Spec{Name: n.Name, Node: n.Number, Args: []string{"supervisor", "--dir", string(c.Dir), fmt.Sprintf("--node=%d", n.Number)}}
}

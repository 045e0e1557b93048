// Package component describes how each part of a cluster is started: its arguments, its configuration files and its health
// check. It does not start anything.
package component

import (
	"context"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// Containerd is the name of the component that is not a role of this binary.
const (
	Containerd = "containerd"
)

// Spec describes how one component is started.
type Spec struct {
	// Name is the component's name, and the first word of its command line.
	Name string
	// Path is the program. If it is empty, the component is this binary in the role of that name.
	Path string
	// Args are the arguments after the name.
	Args []string
	// Env are variables in addition to those of the supervisor, as NAME=value.
	Env []string
	// Node is the number of the node that this starts; 0 for a component.
	Node int
	// Healthy returns nil if the component is healthy. A node has none: its own supervisor reports when it is ready.
	Healthy Probe
}

// Probe checks once whether a component is healthy.
type Probe func(ctx context.Context) error

// Cluster holds what the builders of this package need to know about a cluster.
type Cluster struct {
	state.Cluster
	// Dir is the directory of the files.
	Dir state.Dir
	// BinDir is the folder of this binary, of containerd and its shim.
	BinDir string
	// On is the number of the node whose components are described. 0 counts as 1, the node with the control plane.
	On int
}

// Addresses and names that are the same in every cluster. A node has its own network, so clusters do not collide.
const (
	// NodeName is the name of the node with the control plane. The others have it with a number.
	NodeName = "localkube"
	// ServiceCIDR is the range of the addresses of Services.
	ServiceCIDR = "10.96.0.0/16"
	// ServiceIP is the address of the Service kubernetes: by convention the first of the range.
	ServiceIP = "10.96.0.1"
	// DNSIP is the address of the Service kube-dns: by convention the tenth of the range.
	DNSIP = "10.96.0.10"
	// PodCIDR is the range of the addresses of pods.
	PodCIDR = "10.244.0.0/16"

	loopback = "127.0.0.1"
)

// apiBind is the address that the API server listens on. In a node's network it is every address, because pods must reach the
// API server. From outside, only the forwarder on the host's loopback address reaches it.
func (c Cluster) apiBind() string {
	if c.APIOnly {
		return loopback
	}
	return "0.0.0.0"
}

// Package component says how each part of a cluster is started: its arguments, its configuration files and how to tell that it works.
// It starts nothing itself.
package component

import (
	"context"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// Names of the components that are not roles of this binary.
const (
	Containerd = "containerd"
)

// Spec says how one component is started.
type Spec struct {
	// Name is the component's name, and the first word of its command line.
	Name string
	// Path is the program; empty means this binary, in the role of that name.
	Path string
	// Args are the arguments after the name.
	Args []string
	// Env are variables beyond those of the supervisor, as NAME=value.
	Env []string
	// Healthy returns nil once the component answers as it should.
	Healthy Probe
}

// Probe asks a component once whether it works.
type Probe func(ctx context.Context) error

// Cluster is what the builders need to know.
type Cluster struct {
	state.Cluster
	// Dir is where the files are.
	Dir state.Dir
	// BinDir is the folder of this binary, of containerd and its shim.
	BinDir string
}

// The addresses and names that are the same in every cluster. A node has a network of its own, so nothing collides.
const (
	// NodeName is the name of the only node.
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

// apiBind is the address on which the API server listens. In a node's own network that is every address, because pods have to reach it;
// from outside nothing but the forwarder on the host's loopback address does.
func (c Cluster) apiBind() string {
	if c.APIOnly {
		return loopback
	}
	return "0.0.0.0"
}

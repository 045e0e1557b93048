// Package machine controls the parts of a localkube cluster that run on this machine: it breaks and repairs the cluster's
// components, and finds the processes of its containers.
package machine

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// The components that can be broken.
const (
	APIServer  = "kube-apiserver"
	Etcd       = "etcd"
	Kubelet    = "kubelet"
	Containerd = "containerd"
)

// The faults of a component, and the actions that repair them. Start does nothing for a running component, and Resume does
// nothing for one that is not paused.
const (
	Stop    = "stop"
	Start   = "start"
	Restart = "restart"
	Pause   = "pause"
	Resume  = "resume"
)

// The faults of a whole node, in addition to Stop, Start and Restart, and the actions that repair them.
const (
	Partition = "partition"
	Heal      = "heal"
	Drain     = "drain"
	Uncordon  = "uncordon"
	Delete    = "delete"
)

// Localkube is a cluster on this machine.
type Localkube struct {
	// Directory of the cluster.
	Directory string
	// Program is the localkube binary (default: bin/localkube, relative to the working directory).
	Program string
}

// Inflict applies a fault or a repair to a component of the cluster. Start and Restart return when the component is healthy.
func (l Localkube) Inflict(ctx context.Context, fault, component string) error {
	return l.fault(ctx, fault, component)
}

// InflictOn applies a fault or a repair to a component of a node. Start and Restart return when the component is healthy.
func (l Localkube) InflictOn(ctx context.Context, fault, component, node string) error {
	return l.fault(ctx, fault, component, "--node", node)
}

// InflictNode applies a fault or a repair to a node. Start and Restart return when pods can run on it.
func (l Localkube) InflictNode(ctx context.Context, fault, node string) error {
	return l.fault(ctx, fault, "--node", node)
}

func (l Localkube) fault(ctx context.Context, fault string, args ...string) error {
	program := cmp.Or(l.Program, "bin/localkube")
	out, err := exec.CommandContext(ctx, program, append([]string{"fault", fault, "--dir", l.Directory}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot %s %q: %w: %s", fault, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

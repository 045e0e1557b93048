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

// Localkube is a cluster on this machine.
type Localkube struct {
	// Directory of the cluster.
	Directory string
	// Program is the localkube binary (default: bin/localkube, relative to the working directory).
	Program string
}

// Inflict applies a fault or a repair to a component of the cluster. Start and Restart return when the component is healthy.
func (l Localkube) Inflict(ctx context.Context, fault, component string) error {
	program := cmp.Or(l.Program, "bin/localkube")
	out, err := exec.CommandContext(ctx, program, "fault", fault, "--dir", l.Directory, component).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot %s component %q: %w: %s", fault, component, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Package machine reaches what a localkube cluster runs on this machine: its components, which it breaks and mends, and the
// processes of its containers.
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

// The faults of a component, and what mends them. To start one that runs changes nothing, and neither does resuming it.
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
	// Program to ask (default: bin/localkube, seen from the working directory).
	Program string
}

// Inflict does something to a component of the cluster. Starting and restarting return once it is healthy.
func (l Localkube) Inflict(ctx context.Context, fault, component string) error {
	program := cmp.Or(l.Program, "bin/localkube")
	out, err := exec.CommandContext(ctx, program, "fault", fault, "--dir", l.Directory, component).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot %s component %q: %w: %s", fault, component, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Package local brings up a Kubernetes on this machine with Sluice on it, for `sluice run --local`.
package local

import (
	"context"

	"github.com/sluice-ci/sluice/internal/cli/problem"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Start makes sure that the cluster of this machine is up and has Sluice on it, and returns the name of its kubeconfig.
func Start(_ context.Context, _ *terminal.Terminal) (string, error) {
	return "", problem.New("not yet")
}

// StopText says how to end the cluster.
func StopText() string { return "to end it: localkube down" }

package lifecycle

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/localkube/internal/network"
	"github.com/sluice-ci/sluice/localkube/internal/node"
	"github.com/sluice-ci/sluice/localkube/internal/port"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// chooseForNode keeps the listeners on the host's loopback address, for the supervisor to inherit.
func (o Options) chooseForNode(c *state.Cluster, api *net.TCPListener, exists bool) (l listeners, err error) {
	if !exists {
		// The node has a network of its own, in which this port is free.
		c.EtcdPort = 2379
		if c.Uplink, err = network.ChooseUplink(); err != nil {
			return listeners{}, errors.Join(err, api.Close())
		}
	}
	if l.api, err = file(api); err != nil {
		return listeners{}, err
	}
	registry, err := port.Listen(c.RegistryPort)
	if err != nil {
		l.close()
		return listeners{}, fmt.Errorf("cannot serve the image registry: %w", err)
	}
	c.RegistryPort = port.Number(registry)
	if l.registry, err = file(registry); err != nil {
		l.close()
		return listeners{}, err
	}
	return l, nil
}

// connect makes what the supervisor of a node cannot make from within its namespaces.
func (o Options) connect(c state.Cluster, launched *supervisor.Launched) error {
	if c.APIOnly {
		return nil
	}
	return o.step("uplink", func() error {
		if err := network.Connect(o.Dir, c.Uplink, launched.Process.PID); err != nil {
			return err
		}
		return network.AddHostRules(o.Dir, c.Uplink)
	})
}

// removeNode undoes what a node changed outside of its namespaces.
func removeNode(dir state.Dir) error {
	if err := network.Disconnect(dir); err != nil {
		return err
	}
	if err := network.RemoveHostRules(dir); err != nil {
		return err
	}
	if err := node.RemoveCgroups(dir); err != nil {
		return err
	}
	return node.Leave(dir)
}

// need is something that a node cannot do without.
type need struct {
	// path is where it is looked for: a file, or a program somewhere on the path.
	path string
	// from says how to get it.
	from string
}

// nodeNeeds lists what has to be on the machine, with the Debian package that has it.
func nodeNeeds(bin string) []need {
	const build = "build it with hack/build-localkube.sh"
	return []need{
		{"runc", "install the package runc"},
		{"nft", "install the package nftables"},
		{"/usr/lib/cni/ptp", "install the package containernetworking-plugins"},
		{"/usr/lib/cni/host-local", "install the package containernetworking-plugins"},
		{filepath.Join(bin, "containerd"), build},
		{filepath.Join(bin, "containerd-shim-runc-v2"), build},
		{filepath.Join(bin, "localkube-pause"), build},
	}
}

// checkNode says everything at once that keeps a node from running here.
func checkNode() error {
	if os.Geteuid() != 0 {
		return errors.New("cannot run a node: that needs root; use sudo, or --api-only for an API server alone")
	}
	bin, err := BinDir()
	if err != nil {
		return err
	}
	var missing []string
	for _, n := range nodeNeeds(bin) {
		if _, err := exec.LookPath(n.path); err != nil {
			missing = append(missing, fmt.Sprintf("%s: %s", n.path, n.from))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("cannot run a node, because this is missing (hack/install-deps.sh installs packages):\n  %s", strings.Join(missing, "\n  "))
	}
	return nil
}

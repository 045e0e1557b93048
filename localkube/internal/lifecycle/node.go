package lifecycle

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/localkube/internal/dns"
	"github.com/sluice-ci/sluice/localkube/internal/network"
	"github.com/sluice-ci/sluice/localkube/internal/node"
	"github.com/sluice-ci/sluice/localkube/internal/port"
	"github.com/sluice-ci/sluice/localkube/internal/state"
	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// chooseForNode keeps the listeners on the host's loopback address, and connects to the host's name servers.
func (o Options) chooseForNode(c *state.Cluster, api *net.TCPListener, exists bool) (*supervisor.Sockets, error) {
	var err error
	if !exists {
		// The node has its own network, in which this port is free.
		c.EtcdPort = 2379
		if c.Uplink, err = network.ChooseUplink(); err != nil {
			return nil, errors.Join(err, api.Close())
		}
	}
	sockets := &supervisor.Sockets{}
	if sockets.API, err = file(api); err != nil {
		return nil, err
	}
	registry, err := port.Listen(c.RegistryPort)
	if err != nil {
		sockets.Close()
		return nil, fmt.Errorf("cannot serve the image registry: %w", err)
	}
	c.RegistryPort = port.Number(registry)
	if sockets.Registry, err = file(registry); err != nil {
		sockets.Close()
		return nil, err
	}
	c.Nameservers, sockets.Nameservers, err = connectNameservers("/etc/resolv.conf")
	if err != nil {
		sockets.Close()
		return nil, err
	}
	return sockets, nil
}

// connectNameservers returns the name servers in the resolver configuration that this host can send to, each with a connected
// socket. The list is empty on a host without name servers or without a network.
func connectNameservers(path string) ([]netip.Addr, []*os.File, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read the resolver configuration: %w", err)
	}
	var servers []netip.Addr
	var files []*os.File
	for _, server := range dns.ParseNameservers(string(text)) {
		connection, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(server, dns.Port)))
		if err != nil {
			continue // no route to it
		}
		f, err := file(connection)
		if err != nil {
			return nil, nil, err
		}
		servers, files = append(servers, server), append(files, f)
	}
	return servers, files, nil
}

// connect creates what the supervisor of a node cannot create from within its namespaces.
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

// removeNode reverts what a node changed outside its namespaces.
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

// need is a file or program that a node requires.
type need struct {
	// path is the path of the file, or the name of a program in PATH.
	path string
	// from is the instruction how to install it.
	from string
}

// nodeNeeds lists the files and programs that a node requires, with their Debian packages.
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

// checkNode returns an error that lists everything that prevents a node from running here.
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
		return fmt.Errorf("cannot run a node, because this is missing (hack/install-deps.sh installs packages):\n  %s",
			strings.Join(missing, "\n  "))
	}
	return nil
}

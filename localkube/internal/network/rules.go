package network

import (
	"fmt"
	"os/exec"
	"strings"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// table returns the name of the cluster's table of rules on the host.
func table(dir state.Dir) string { return "localkube_" + dir.ID() }

// hostRules returns rules that let the node reach what the host reaches, with the host's address.
func hostRules(dir state.Dir, u state.Uplink) string {
	return fmt.Sprintf(`table ip %[1]s
delete table ip %[1]s
table ip %[1]s {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr %[2]s oifname != %[3]q masquerade
	}
}
`, table(dir), u.Node, HostLink(dir))
}

// NodeRules returns rules that let the addresses of the ranges, those of pods and of other nodes, reach what the node reaches,
// with the node's address. They block connections to the node from outside. The API server and the kubelet listen on an address
// that pods can reach, and pods use other links than the uplink.
func NodeRules(ranges ...string) string {
	return fmt.Sprintf(`table ip localkube {
	chain input {
		type filter hook input priority filter;
		iifname %[1]q ct state established,related accept
		iifname %[1]q drop
	}
	chain forward {
		type filter hook forward priority filter;
		iifname %[1]q ct state established,related accept
		iifname %[1]q drop
	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr %[2]s oifname %[1]q masquerade
	}
}
`, nodeLink, set(ranges))
}

// set returns the addresses in the syntax of nft: one as it is, several in braces.
func set(addresses []string) string {
	if len(addresses) == 1 {
		return addresses[0]
	}
	return "{ " + strings.Join(addresses, ", ") + " }"
}

// AddHostRules creates the cluster's table on the host.
func AddHostRules(dir state.Dir, u state.Uplink) error {
	return apply(hostRules(dir, u))
}

// RemoveHostRules removes the cluster's table on the host, if it exists.
func RemoveHostRules(dir state.Dir) error {
	// Adding a table that exists changes nothing, and ensures that there is a table to delete.
	return apply(fmt.Sprintf("table ip %[1]s\ndelete table ip %[1]s\n", table(dir)))
}

// Apply returns the command that applies rules in the network in which it runs.
func Apply(rules string) *exec.Cmd {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	return cmd
}

func apply(rules string) error {
	if output, err := Apply(rules).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot change the rules of the network: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

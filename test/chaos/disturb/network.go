package disturb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const (
	// apiPort is the port of the API server's Service, as the controller uses it. Requests to the controller (probes,
	// webhooks) use other ports.
	apiPort = "443"
	// webhookPort is the port of the webhooks in the controller's pod.
	webhookPort = "9443"
	// table is the name of the firewall rules in the network of the controller's pod.
	table = "chaos"
)

// cutWatches closes the controller's connections to the API server, as a proxy between them may do at any time.
func (s *scene) cutWatches(ctx context.Context) error {
	n, err := s.network(ctx)
	if err != nil {
		return err
	}
	defer n.Close()
	ended, err := n.end(ctx, "dport = "+apiPort)
	if err != nil {
		return err
	}
	if ended == 0 {
		return fmt.Errorf("cannot close connections of the controller to port %s: there are none, or the kernel does "+
			"not support it (CONFIG_INET_DIAG_DESTROY)", apiPort)
	}
	s.note = fmt.Sprintf("ended %d connections", ended)
	return nil
}

// cutOffController drops every packet from and to the controller. Connections stay open, without data and without an error.
func (s *scene) cutOffController(ctx context.Context) error {
	n, err := s.network(ctx)
	if err != nil {
		return err
	}
	s.note = "for " + s.For.String()
	s.later(func(ctx context.Context) error {
		defer n.Close()
		// Adding a table that exists changes nothing, and ensures that there is one to delete.
		_, err := n.run(ctx, fmt.Sprintf("table inet %[1]s\ndelete table inet %[1]s\n", table), "nft", "-f", "-")
		return err
	})
	_, err = n.run(ctx, fmt.Sprintf(`table inet %s {
	chain input {
		type filter hook input priority filter;
		iifname != lo drop
	}
	chain output {
		type filter hook output priority filter;
		oifname != lo drop
	}
}
`, table), "nft", "-f", "-")
	return err
}

// network is the network namespace of a pod. It is usable while it is open, also after the pod's processes were restarted.
type network struct{ *os.File }

// network opens the network of the leading controller.
func (s *scene) network(ctx context.Context) (network, error) {
	_, process, _, err := s.leading(ctx)
	if err != nil {
		return network{}, err
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", process.PID))
	if err != nil {
		return network{}, fmt.Errorf("cannot open the network of the controller: %w", err)
	}
	return network{File: file}, nil
}

// end closes the connections in the network that match a filter of ss(8), and returns their number.
func (n network) end(ctx context.Context, filter string) (int, error) {
	out, err := n.run(ctx, "", "ss", "--no-header", "-t", "-n", "-K", "state", "established", filter)
	return strings.Count(out, "\n"), err
}

// run runs a command of this machine in the network, with input, and returns its output.
func (n network) run(ctx context.Context, input string, command ...string) (string, error) {
	const inherited = "/proc/self/fd/3"
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + inherited}, command...)...)
	cmd.ExtraFiles = []*os.File{n.File}
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot run %q in the network of the controller: %w: %s",
			strings.Join(command, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

package disturb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

const (
	// apiPort is the port of the API server's Service, as the controller sees it. What asks the controller (probes, webhooks)
	// comes to other ones.
	apiPort = "443"
	// webhookPort is that of the webhooks in the controller's pod.
	webhookPort = "9443"
	// table is the name of the rules in the network of the controller's pod.
	table = "chaos"
)

// cutWatches ends the connections that the controller has to the API server, as a proxy between them may do at any time.
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
		return fmt.Errorf("cannot end connections of the controller to port %s: there are none, or the kernel does "+
			"not end them (CONFIG_INET_DIAG_DESTROY)", apiPort)
	}
	s.note = fmt.Sprintf("ended %d connections", ended)
	return nil
}

// cutOffController drops every packet that the controller sends or is sent, without a word to anybody: connections stay
// open, and nothing comes.
func (s *scene) cutOffController(ctx context.Context) error {
	n, err := s.network(ctx)
	if err != nil {
		return err
	}
	s.note = "for " + s.For.String()
	s.later(func(ctx context.Context) error {
		defer n.Close()
		// To add a table that exists changes nothing, and makes sure that there is one to delete.
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

// network is that of one pod. It can be reached as long as it is open, also when the pod's processes are started anew.
type network struct{ *os.File }

// network opens the network of the controller that leads.
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

// end ends the connections in the network that a filter of ss(8) lets through, and returns how many there were.
func (n network) end(ctx context.Context, filter string) (int, error) {
	out, err := n.run(ctx, "", "ss", "--no-header", "-t", "-n", "-K", "state", "established", filter)
	return strings.Count(out, "\n"), err
}

// run runs a command of this machine in the network, with input, and returns what it printed.
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

// Package ui is `sluice ui`: a web page on this machine with the runs, their graphs, logs and results.
package ui

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui/server"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

// Options are what `sluice ui` was asked for.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Address to listen on, and Port; 0 takes one that is free.
	Address string
	Port    int
	// Anyone: an address that is not loopback is meant.
	Anyone bool
}

// NewCommand is `sluice ui`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "ui",
		Short: "Show runs, graphs, logs and results in a browser",
		Long: `Serves a web page on this machine until it is interrupted, and prints its address: the runs of the namespace (all with -A), and
of each its graph as it goes on, its logs, and its results, which can be read, searched and downloaded.

The page only reads, with the rights of your kubeconfig. It is served on loopback, to who has the token in the address that is
printed, and not to other pages in the same browser.`,
		Example: `  sluice ui                # prints an address to open
  sluice ui -A --port 8300`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.Run(c.Context()) },
	}
	c.Flags().StringVar(&o.Address, "address", "127.0.0.1", "`IP` address to listen on")
	c.Flags().IntVar(&o.Port, "port", 0, "port to listen on; 0 takes a free one")
	c.Flags().BoolVar(&o.Anyone, "allow-remote", false, "listen on an address that other machines can reach, without encryption")
	return c
}

// Run serves the page until ctx ends, which is how it is meant to end.
func (o *Options) Run(ctx context.Context) error {
	if err := o.check(); err != nil {
		return err
	}
	c, err := o.Source.Connect()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(o.Address, strconv.Itoa(o.Port)))
	if err != nil {
		return clierror.Hint(fmt.Errorf("cannot listen on port %d of %s: %w", o.Port, o.Address, err), "--port 0 takes one that is free")
	}
	token := server.NewToken()
	own, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("cannot list the addresses of this machine: %w", err)
	}
	hosts := hostsOf(listener.Addr(), own)
	o.Terminal.Printf("http://%s/?token=%s\n", hosts[0], token)
	o.Terminal.Notef("open this address in a browser; ctrl-c ends it")
	return serve(ctx, listener, server.New(server.Options{Cluster: c, Now: time.Now, Hosts: hosts, Token: token}))
}

// check refuses addresses that others can reach, unless that is meant.
func (o *Options) check() error {
	ip := net.ParseIP(o.Address)
	switch {
	case ip == nil:
		return clierror.Usage("sluice ui", "--address %q is not an IP address", o.Address)
	case !ip.IsLoopback() && !o.Anyone:
		return clierror.New(o.Address+" can be reached by other machines, and the page shows what your kubeconfig may read",
			"leave --address out, and forward the port: ssh -L 8300:127.0.0.1:8300 HOST", "--allow-remote does it all the same, without encryption")
	}
	return nil
}

// hostsOf are the values of Host under which the page is reached, the one to print first: the address itself, on loopback the
// name localhost, and those of the machine when the address means all of them. Other names are not answered.
func hostsOf(address net.Addr, own []net.Addr) []string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return []string{address.String()}
	}
	port := strconv.Itoa(tcp.Port)
	switch {
	case tcp.IP.IsLoopback():
		return []string{address.String(), net.JoinHostPort("localhost", port)}
	case !tcp.IP.IsUnspecified():
		return []string{address.String()}
	}
	var remote, local []string
	for _, a := range own {
		network, ok := a.(*net.IPNet)
		switch {
		case !ok || network.IP.IsLinkLocalUnicast():
		case network.IP.IsLoopback():
			local = append(local, net.JoinHostPort(network.IP.String(), port))
		default:
			remote = append(remote, net.JoinHostPort(network.IP.String(), port))
		}
	}
	return append(append(remote, local...), net.JoinHostPort("localhost", port))
}

// serve answers until ctx ends. Streams of events end with it, since their requests have the same context.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	web := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, 1)
	go func() { done <- web.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("cannot serve the page: %w", err)
	case <-ctx.Done():
	}
	const grace = 2 * time.Second
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := web.Shutdown(ending); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("cannot end the server: %w", err)
	}
	return nil
}

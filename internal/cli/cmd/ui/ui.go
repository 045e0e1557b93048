// Package ui implements `sluice ui`, which serves a web page on this machine with runs, their graphs, logs and results.
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

// Options are the options of `sluice ui`.
type Options struct {
	Terminal *terminal.Terminal
	Source   cluster.Source
	// Address is the address to listen on, and Port the port; 0 selects a free one.
	Address string
	Port    int
	// Set by --allow-remote, it permits an address that is not loopback.
	AllowRemote bool
}

// NewCommand returns the command `sluice ui`.
func NewCommand(t *terminal.Terminal, source cluster.Source) *cobra.Command {
	o := &Options{Terminal: t, Source: source}
	c := &cobra.Command{
		Use:   "ui",
		Short: "Show runs, graphs, logs and results in a browser",
		Long: `Serves a web page on this machine until you interrupt it, and prints its address. The page shows the runs of the namespace (all
with -A), and for each run the graph with its progress, the logs, and the results, to read, search and download.

The page only reads, with the rights of your kubeconfig. It is served on loopback, only with the token in the printed address,
and not to other pages in the same browser.`,
		Example: `  sluice ui                # prints an address to open
  sluice ui -A --port 8300`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.Run(c.Context()) },
	}
	c.Flags().StringVar(&o.Address, "address", "127.0.0.1", "`IP` address to listen on")
	c.Flags().IntVar(&o.Port, "port", 0, "port to listen on; 0: a free one")
	c.Flags().BoolVar(&o.AllowRemote, "allow-remote", false, "listen on an address that other machines can reach, without encryption")
	return c
}

// Run serves the page until ctx ends. That is not an error.
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
		return clierror.Hint(fmt.Errorf("cannot listen on port %d of %s: %w", o.Port, o.Address, err), "use a free port: --port 0")
	}
	token := server.NewToken()
	own, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("cannot list the addresses of this machine: %w", err)
	}
	hosts := hostsOf(listener.Addr(), own)
	o.Terminal.Printf("http://%s/?token=%s\n", hosts[0], token)
	o.Terminal.Notef("open this address in a browser; ctrl-c stops the server")
	return serve(ctx, listener, server.New(server.Options{Cluster: c, Now: time.Now, Hosts: hosts, Token: token}))
}

// check refuses an address that other machines can reach, unless --allow-remote is set.
func (o *Options) check() error {
	ip := net.ParseIP(o.Address)
	switch {
	case ip == nil:
		return clierror.Usage("sluice ui", "--address %q is not an IP address", o.Address)
	case !ip.IsLoopback() && !o.AllowRemote:
		return clierror.New(o.Address+" can be reached by other machines, and the page shows what your kubeconfig may read",
			"omit --address, and forward the port: ssh -L 8300:127.0.0.1:8300 HOST", "or use it anyway, without encryption: --allow-remote")
	}
	return nil
}

// hostsOf returns the accepted values of the header Host; the first one is the one to print. They are the address, localhost
// for a loopback address, and the addresses of the machine for the unspecified address.
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

// serve handles requests until ctx ends. Streams of events end with it, because their requests have the same context.
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
		return fmt.Errorf("cannot stop the server: %w", err)
	}
	return nil
}

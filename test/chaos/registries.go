package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/test/chaos/attack"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

// drip is the time between two bytes of a slow hostile registry.
const drip = time.Second

// registries are the hostile registries. They listen on this machine, and do not answer as registries do.
type registries struct {
	listeners []net.Listener
	stop      context.CancelFunc
	all       sync.WaitGroup

	mu    sync.Mutex
	taken int
}

// ways are the different answers of the registries.
func ways() [attack.Registries]func(context.Context, net.Conn) {
	const redirect = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9090/metrics\r\nContent-Length: 0\r\n\r\n"
	return [attack.Registries]func(context.Context, net.Conn){
		func(ctx context.Context, _ net.Conn) { <-ctx.Done() }, // it never answers
		func(ctx context.Context, conn net.Conn) { // it sends a byte each second
			for ctx.Err() == nil {
				if _, err := conn.Write([]byte{22}); err != nil {
					return
				}
				pause(ctx, drip)
			}
		},
		func(context.Context, net.Conn) {},                                             // it closes the connection
		func(_ context.Context, conn net.Conn) { _, _ = conn.Write([]byte(redirect)) }, // it redirects to another address, without TLS
	}
}

// openRegistries opens the registries on an address of this machine that pods can reach.
func openRegistries() (*registries, error) {
	host, err := machine.Address()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &registries{stop: stop}
	for _, answer := range ways() {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			r.close()
			return nil, fmt.Errorf("cannot open a hostile registry: %w", err)
		}
		r.listeners = append(r.listeners, l)
		r.all.Go(func() { r.serve(ctx, l, answer) })
	}
	return r, nil
}

// serve handles one connection after another until the listener is closed.
func (r *registries) serve(ctx context.Context, l net.Listener, answer func(context.Context, net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.taken++
		r.mu.Unlock()
		r.all.Go(func() {
			defer conn.Close() //nolint:errcheck // the written data does not matter
			answer(ctx, conn)
		})
	}
}

// addresses returns the addresses of the registries for names of images.
func (r *registries) addresses() []string {
	var all []string
	for _, l := range r.listeners {
		all = append(all, l.Addr().String())
	}
	return all
}

// connections returns the number of connections so far.
func (r *registries) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}

// close closes the registries and all their connections.
func (r *registries) close() {
	r.stop()
	for _, l := range r.listeners {
		_ = l.Close() // it may be closed already
	}
	r.all.Wait()
}

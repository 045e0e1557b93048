package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Forward accepts connections until the listener is closed, and joins each with a new connection to the address. The listener
// may belong to another network than the address: a socket stays in the network in which it was created.
func Forward(listener *net.TCPListener, to netip.AddrPort) error {
	for {
		incoming, err := listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot accept a connection for %q: %w", to, err)
		}
		go join(incoming, to)
	}
}

// join copies in both directions. When one side closes its sending direction, join passes this on to the other side, which
// may still finish.
func join(incoming *net.TCPConn, to netip.AddrPort) {
	defer incoming.Close()
	outgoing, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		return // the caller's connection is closed, as if it had dialed the address itself
	}
	defer outgoing.Close()
	var directions sync.WaitGroup
	for _, pair := range [][2]*net.TCPConn{{incoming, outgoing}, {outgoing, incoming}} {
		directions.Go(func() {
			_, err := io.Copy(pair[1], pair[0])
			if err != nil {
				// One side is closed, so the other direction has no purpose any more.
				_ = pair[0].Close()
				_ = pair[1].Close()
				return
			}
			_ = pair[1].CloseWrite()
		})
	}
	directions.Wait()
}

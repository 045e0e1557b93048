package network

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
)

// Forward accepts connections until the listener is closed and joins each with a new one to the address.
// The listener may belong to another network than the one in which the address is dialled: a socket stays where it was made.
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

// join copies in both directions. When one side has no more to say, the other is told so, and may still finish.
func join(incoming *net.TCPConn, to netip.AddrPort) {
	defer incoming.Close()
	outgoing, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(to))
	if err != nil {
		return // the caller sees its connection closed, as it would if it had dialled the address itself
	}
	defer outgoing.Close()
	var directions sync.WaitGroup
	for _, pair := range [][2]*net.TCPConn{{incoming, outgoing}, {outgoing, incoming}} {
		directions.Go(func() {
			_, err := io.Copy(pair[1], pair[0])
			if err != nil {
				// One side is gone, so the other direction has no purpose any more either.
				_ = pair[0].Close()
				_ = pair[1].Close()
				return
			}
			_ = pair[1].CloseWrite()
		})
	}
	directions.Wait()
}

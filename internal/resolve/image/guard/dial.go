package guard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	// connecting is what a registry may take to accept a connection, and to agree on TLS.
	connecting = 5 * time.Second
	// answering is what a registry may take from the request to the end of the answer's header.
	answering = 10 * time.Second
	// maxHeader is how many bytes the header of an answer may have.
	maxHeader = 64 << 10
)

// Dialer connects to addresses that are allowed. It resolves a name, checks each address and connects to that same address:
// a name that resolves to something else the next time is checked the next time.
type Dialer struct {
	// Addresses that may be asked.
	Addresses Addresses
	// Named are the hosts, with their ports, that the administrator has named. Their addresses are not checked.
	Named Hosts

	network Network
}

// Network resolves names and makes connections. Whatever it is, the Dialer checks each address between the two.
type Network struct {
	// Resolve returns the addresses of a host.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Connect makes a connection. It calls check, if that is not nil, with the address that the connection is about to be
	// made to.
	Connect func(ctx context.Context, to netip.AddrPort, check func(address string) error) (net.Conn, error)
}

// Machine is the network of this machine.
func Machine() Network {
	return Network{
		Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		Connect: func(ctx context.Context, to netip.AddrPort, check func(address string) error) (net.Conn, error) {
			dialer := &net.Dialer{Timeout: connecting}
			if check != nil {
				dialer.Control = func(_, address string, _ syscall.RawConn) error { return check(address) }
			}
			return dialer.DialContext(ctx, "tcp", to.String())
		},
	}
}

// NewDialer returns a Dialer on a network.
func NewDialer(addresses Addresses, named Hosts, network Network) *Dialer {
	return &Dialer{Addresses: addresses, Named: named, network: network}
}

// check looks at the address once more, right before the connection is made.
func (d *Dialer) check(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !d.Addresses.Allow(to.Addr()) {
		return &AddressError{Host: address, Addr: to.Addr()}
	}
	return nil
}

// DialContext connects to a host and port. The error is an *AddressError if none of the host's addresses is allowed, and none
// if one of them is: that one may answer the next time.
func (d *Dialer) DialContext(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %q: %w", address, err)
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "tcp", port)
	if err != nil {
		return nil, fmt.Errorf("cannot connect to %q: %w", address, err)
	}
	addrs, err := d.lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	named, check := d.Named.Has(address), d.check
	if named {
		check = nil
	}
	var failures, refusals []error
	for _, addr := range addrs {
		addr = addr.Unmap()
		if !named && !d.Addresses.Allow(addr) {
			refusals = append(refusals, &AddressError{Host: host, Addr: addr})
			continue
		}
		to := netip.AddrPortFrom(addr, uint16(number)) //nolint:gosec // a port has 16 bits
		connection, err := d.network.Connect(ctx, to, check)
		if err == nil {
			return connection, nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 0 {
		failures = refusals
	}
	return nil, errors.Join(failures...)
}

// lookUp returns the addresses of a host, which may be one.
func (d *Dialer) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	return d.network.Resolve(ctx, host)
}

// NewTransport returns a transport that connects with d. It uses no proxy: a proxy would resolve names where no rule is
// checked. It speaks HTTP/1.1 and never decompresses an answer.
func NewTransport(d *Dialer) *http.Transport {
	return &http.Transport{
		DialContext:            d.DialContext,
		TLSHandshakeTimeout:    connecting,
		ResponseHeaderTimeout:  answering,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        time.Minute,
		DisableCompression:     true,
	}
}

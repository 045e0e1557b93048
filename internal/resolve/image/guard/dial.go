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
	// connecting is the maximum time to connect to a registry, with TLS.
	connecting = 5 * time.Second
	// answering is the maximum time from the request to the end of the response's header.
	answering = 10 * time.Second
	// maxHeader is the maximum length of a response's header in bytes.
	maxHeader = 64 << 10
)

// Dialer connects to permitted addresses. It resolves a name, checks each address, and connects to that same address. If the
// name resolves to another address the next time, that address is checked too.
type Dialer struct {
	// Addresses are the permitted addresses.
	Addresses Addresses
	// Named are the hosts, with ports, that the administrator has named. Their addresses are not checked.
	Named Hosts

	network Network
}

// Network resolves names and makes connections. In between, the Dialer checks each address.
type Network struct {
	// Resolve returns the addresses of a host.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Connect makes a connection. Before it connects, it calls check, if that is not nil, with the address.
	Connect func(ctx context.Context, to netip.AddrPort, check func(address string) error) (net.Conn, error)
}

// Machine returns the network of this machine.
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

// check checks the address again, immediately before the connection is made.
func (d *Dialer) check(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !d.Addresses.Allow(to.Addr()) {
		return &AddressError{Host: address, Addr: to.Addr()}
	}
	return nil
}

// DialContext connects to a host and port. The error is an *AddressError only if none of the host's addresses is permitted:
// otherwise a permitted one may respond the next time.
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

// lookUp returns the addresses of a host, which may be an address.
func (d *Dialer) lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	return d.network.Resolve(ctx, host)
}

// NewTransport returns a transport that connects with d. It uses no proxy, because a proxy would resolve names without a
// check. It uses HTTP/1.1 and never decompresses a response.
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

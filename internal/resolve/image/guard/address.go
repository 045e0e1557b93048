// Package guard decides to which addresses an image lookup may connect. Users choose the names of registries, so the
// controller connects only to registries over HTTPS at public addresses, unless the administrator has named them.
//
// The rules are checked where they cannot be bypassed: schemes, methods and redirects for each request, and the address when
// the connection is made, after the name is resolved.
package guard

import (
	"fmt"
	"net/netip"
	"strings"
)

// AddressError means that a host has no permitted address. It does not contain the rule that forbids the address.
type AddressError struct {
	// Host is the host of the request. The address is for the log.
	Host string
	Addr netip.Addr
}

// Error implements error.
func (e *AddressError) Error() string {
	return fmt.Sprintf("cannot connect to %q: address %s is not public, and no setting allows it", e.Host, e.Addr)
}

// Addresses decides which addresses are permitted. The zero value permits public ones.
type Addresses struct {
	// Private are the private networks that are also permitted.
	Private []netip.Prefix
}

// privateRanges returns the ranges that settings can permit.
func privateRanges() []netip.Prefix {
	return prefixes("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
}

// never returns the ranges that no setting permits: the machine itself, its links, services of clouds for their machines, and
// everything that is not a unicast address of one host (IANA's special-purpose registries).
func never() []netip.Prefix {
	return prefixes(
		"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
		"100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128",
	)
}

// public6 reports whether an IPv6 address is public, and neither hides another address nor is for documentation.
func public6(addr netip.Addr) bool {
	for _, p := range prefixes("2001::/23", "2001:db8::/32", "3fff::/20") {
		if p.Contains(addr) {
			return false
		}
	}
	return netip.MustParsePrefix("2000::/3").Contains(addr)
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

func within(ranges []netip.Prefix, addr netip.Addr) bool {
	for _, r := range ranges {
		if r.Contains(addr) {
			return true
		}
	}
	return false
}

// Allow reports whether the controller may connect to addr.
func (a Addresses) Allow(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Zone() != "" {
		return false
	}
	addr = effective(addr)
	switch {
	case within(never(), addr):
		return false
	case within(privateRanges(), addr):
		return within(a.Private, addr)
	case addr.Is4():
		return true
	default:
		return public6(addr)
	}
}

// effective returns the IPv4 address in an IPv6 address, if there is one: mapped, NAT64 or 6to4.
func effective(addr netip.Addr) netip.Addr {
	addr = addr.Unmap()
	if addr.Is4() {
		return addr
	}
	b := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6]))
	default:
		return addr
	}
}

// ParsePrivate parses a list of private networks, such as 10.20.0.0/16,fd12::/48. Only parts of 10.0.0.0/8, 172.16.0.0/12,
// 192.168.0.0/16, 100.64.0.0/10 and fc00::/7 are private.
func ParsePrivate(text string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for one := range strings.SplitSeq(text, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(one))
		if err != nil {
			return nil, fmt.Errorf("cannot use private network %q: want ADDRESS/BITS, such as 10.20.0.0/16", one)
		}
		if p = p.Masked(); !private(p) {
			return nil,
				fmt.Errorf("cannot use private network %q: it is not within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 or fc00::/7", one)
		}
		all = append(all, p)
	}
	return all, nil
}

func private(p netip.Prefix) bool {
	for _, r := range privateRanges() {
		if r.Contains(p.Addr()) && p.Bits() >= r.Bits() {
			return true
		}
	}
	return false
}

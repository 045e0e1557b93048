package ui

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHostsOf(t *testing.T) {
	address := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 8300} }
	network := func(ip string) net.Addr { return &net.IPNet{IP: net.ParseIP(ip)} }
	own := []net.Addr{network("127.0.0.1"), network("192.0.2.7"), network("fe80::1"), network("2001:db8::7")}
	cases := map[string]struct {
		reason  string
		address net.Addr
		want    []string
	}{
		"Loopback": {
			reason:  "the name that everybody types means it, too",
			address: address("127.0.0.1"),
			want:    []string{"127.0.0.1:8300", "localhost:8300"},
		},
		"Loopback6": {
			reason:  "by either protocol",
			address: address("::1"),
			want:    []string{"[::1]:8300", "localhost:8300"},
		},
		"One": {
			reason:  "an address is itself",
			address: address("192.0.2.7"),
			want:    []string{"192.0.2.7:8300"},
		},
		"All": {
			reason:  "all addresses are those that the machine has, the one for others first",
			address: address("0.0.0.0"),
			want:    []string{"192.0.2.7:8300", "[2001:db8::7]:8300", "127.0.0.1:8300", "localhost:8300"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, hostsOf(tc.address, own)); diff != "" {
				t.Errorf("%s\n%s", tc.reason, diff)
			}
		})
	}
}

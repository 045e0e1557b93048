package network

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

func TestFirstFree(t *testing.T) {
	prefixes := func(all ...string) []netip.Prefix {
		var parsed []netip.Prefix
		for _, one := range all {
			parsed = append(parsed, netip.MustParsePrefix(one))
		}
		return parsed
	}
	cases := map[string]struct {
		reason string
		pool   string
		used   []netip.Prefix
		want   string
	}{
		"Nothing": {reason: "The first network of the pool is chosen.", pool: "198.18.0.0/15", want: "198.18.0.0/30"},
		"Clusters": {
			reason: "Networks of other clusters are skipped.",
			pool:   "198.18.0.0/15",
			used:   prefixes("198.18.0.0/30", "198.18.0.4/30"),
			want:   "198.18.0.8/30",
		},
		"Gap": {
			reason: "A network that is free again is reused.",
			pool:   "198.18.0.0/15",
			used:   prefixes("198.18.0.4/30"),
			want:   "198.18.0.0/30",
		},
		"Larger": {
			reason: "A larger network that contains it is a conflict, too.",
			pool:   "198.18.0.0/15",
			used:   prefixes("198.18.0.0/24"),
			want:   "198.18.1.0/30",
		},
		"Others": {
			reason: "Networks outside of the pool, and IPv6 networks, are ignored.",
			pool:   "198.18.0.0/15",
			used:   prefixes("10.0.0.0/8", "fd00::/64"),
			want:   "198.18.0.0/30",
		},
		"Full": {reason: "A full pool is an error, not an endless search.", pool: "198.18.0.0/29", used: prefixes("198.18.0.0/16")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := firstFree(netip.MustParsePrefix(tc.pool), tc.used)
			if tc.want == "" {
				if err == nil {
					t.Errorf("%s\ngot %s", tc.reason, got)
				}
				return
			}
			if err != nil || got.String() != tc.want {
				t.Errorf("%s\nfirstFree() = %s, %v; want %s", tc.reason, got, err, tc.want)
			}
		})
	}
}

func TestNamesFitTheKernel(t *testing.T) {
	const longest = 15 // IFNAMSIZ less the terminating zero
	dir := state.Dir("/" + strings.Repeat("long/", 100))
	if name := HostLink(dir); len(name) > longest {
		t.Errorf("link name %q has %d characters", name, len(name))
	}
	if HostLink(dir) == HostLink(dir+"x") {
		t.Error("two clusters have the same link name")
	}
}

func TestHostRules(t *testing.T) {
	u := state.Uplink{Node: netip.MustParseAddr("198.18.0.2")}
	const want = `table ip localkube_d391b735
delete table ip localkube_d391b735
table ip localkube_d391b735 {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip saddr 198.18.0.2 oifname != "lkd391b735" masquerade
	}
}
`
	if diff := cmp.Diff(want, hostRules("/state/localkube", u)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNodeRules(t *testing.T) {
	for want, ranges := range map[string][]string{
		`ip saddr 10.244.0.0/16 oifname`:                    {"10.244.0.0/16"},
		`ip saddr { 10.244.0.0/16, 10.243.0.0/24 } oifname`: {"10.244.0.0/16", "10.243.0.0/24"},
	} {
		if got := NodeRules(ranges...); !strings.Contains(got, want) {
			t.Errorf("the rules for %v lack %q:\n%s", ranges, want, got)
		}
	}
}

func TestForward(t *testing.T) {
	backend := listen(t)
	front := listen(t)
	done := make(chan error, 1)
	go func() { done <- Forward(front, addrPort(t, backend)) }()
	go func() {
		connection, err := backend.Accept()
		if err != nil {
			return
		}
		defer connection.Close()
		// The answer follows the end of the question. It shows that Forward passes on the end of one direction while the
		// other stays open.
		question, err := io.ReadAll(connection)
		if err != nil {
			return
		}
		_, _ = connection.Write([]byte("you said " + string(question)))
	}()

	client, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(addrPort(t, front)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(client)
	if err != nil || string(answer) != "you said hello" {
		t.Errorf("the answer is %q, %v", answer, err)
	}
	_ = front.Close()
	if err := <-done; err != nil {
		t.Errorf("the end of the listener is an error: %v", err)
	}
}

func TestForwardClosesConnectionsThatItCannotForward(t *testing.T) {
	backend := listen(t)
	address := addrPort(t, backend)
	_ = backend.Close()
	front := listen(t)
	go func() { _ = Forward(front, address) }()
	client, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(addrPort(t, front)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v, from a connection to nowhere", n, err)
	}
}

func addrPort(t *testing.T, listener net.Listener) netip.AddrPort {
	t.Helper()
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

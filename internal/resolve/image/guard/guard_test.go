package guard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAllow(t *testing.T) {
	cases := map[string]struct {
		reason  string
		addr    string
		private string
		want    bool
	}{
		"Public":            {reason: "Registries are there.", addr: "93.184.216.34", want: true},
		"Public6":           {reason: "There as well.", addr: "2606:2800:220:1::1", want: true},
		"Loopback":          {reason: "The controller itself.", addr: "127.0.0.1"},
		"LoopbackOther":     {reason: "All of 127/8 is.", addr: "127.8.9.1"},
		"Loopback6":         {reason: "So is this.", addr: "::1"},
		"Unspecified":       {reason: "Linux takes it for the machine itself.", addr: "0.0.0.0"},
		"Unspecified6":      {reason: "So it does with this.", addr: "::"},
		"ThisNetwork":       {reason: "No host has it.", addr: "0.1.2.3"},
		"Mapped":            {reason: "An IPv4 address in another form.", addr: "::ffff:127.0.0.1"},
		"MappedMetadata":    {reason: "And this.", addr: "::ffff:169.254.169.254"},
		"MappedPublic":      {reason: "The form is no fault.", addr: "::ffff:93.184.216.34", want: true},
		"Compatible":        {reason: "A form that is not in use any more.", addr: "::127.0.0.1"},
		"NAT64":             {reason: "A gateway would translate it.", addr: "64:ff9b::7f00:1"},
		"NAT64Private":      {reason: "This, too.", addr: "64:ff9b::a00:1"},
		"NAT64Public":       {reason: "Networks with IPv6 alone need it.", addr: "64:ff9b::5db8:d822", want: true},
		"NAT64Local":        {reason: "Where the address is, is the gateway's business.", addr: "64:ff9b:1::7f00:1"},
		"6to4":              {reason: "It holds 127.0.0.1.", addr: "2002:7f00:1::1"},
		"6to4Private":       {reason: "It holds 10.0.0.1.", addr: "2002:a00:1::1"},
		"Teredo":            {reason: "It holds another address.", addr: "2001:0:4136:e378:8000:63bf:3fff:fdd2"},
		"LinkLocal":         {reason: "Machines of one network.", addr: "169.254.1.1"},
		"LinkLocal6":        {reason: "Machines of one network.", addr: "fe80::1"},
		"Zone":              {reason: "An interface of this machine.", addr: "fe80::1%eth0"},
		"SiteLocal":         {reason: "Private networks of old.", addr: "fec0::1"},
		"Metadata":          {reason: "Credentials of the machine.", addr: "169.254.169.254"},
		"MetadataECS":       {reason: "Credentials of the task.", addr: "169.254.170.2"},
		"MetadataAWS6":      {reason: "In a private range, and not for a setting.", addr: "fd00:ec2::254", private: "fc00::/7"},
		"MetadataGCP6":      {reason: "In a private range, and not for a setting.", addr: "fd20:ce::254", private: "fc00::/7"},
		"MetadataAlibaba":   {reason: "In a private range, and not for a setting.", addr: "100.100.100.200", private: "100.64.0.0/10"},
		"MetadataOracle":    {reason: "In a range of protocols.", addr: "192.0.0.192"},
		"MetadataAzure":     {reason: "A public address that is not.", addr: "168.63.129.16"},
		"Multicast":         {reason: "Nobody answers there.", addr: "224.0.0.1"},
		"Multicast6":        {reason: "Nobody answers there.", addr: "ff02::1"},
		"Broadcast":         {reason: "Nobody answers there.", addr: "255.255.255.255"},
		"Reserved":          {reason: "It is not in use.", addr: "240.0.0.1"},
		"Benchmark":         {reason: "A network of one's own.", addr: "198.18.0.1"},
		"Documentation6":    {reason: "It is not in use.", addr: "2001:db8::1"},
		"Private10":         {reason: "The cluster's own, as a rule.", addr: "10.96.0.1"},
		"Private172":        {reason: "The cluster's own, as a rule.", addr: "172.16.0.1"},
		"Private192":        {reason: "The cluster's own, as a rule.", addr: "192.168.0.1"},
		"Shared":            {reason: "A provider's own.", addr: "100.64.0.1"},
		"Unique":            {reason: "The cluster's own, as a rule.", addr: "fd12:3456::1"},
		"Allowed":           {reason: "The administrator says so.", addr: "10.20.1.1", private: "10.20.0.0/16", want: true},
		"AllowedElsewhere":  {reason: "Of this network only.", addr: "10.21.1.1", private: "10.20.0.0/16"},
		"AllowedMapped":     {reason: "In whatever form.", addr: "::ffff:10.20.1.1", private: "10.20.0.0/16", want: true},
		"Allowed6":          {reason: "The administrator says so.", addr: "fd12::1", private: "10.20.0.0/16,fd12::/48", want: true},
		"NotPrivateAnyMore": {reason: "Next to a private range.", addr: "172.32.0.1", want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var a Addresses
			if tc.private != "" {
				var err error
				if a.Private, err = ParsePrivate(tc.private); err != nil {
					t.Fatal(err)
				}
			}
			if got := a.Allow(netip.MustParseAddr(tc.addr)); got != tc.want {
				t.Errorf("%s\n%s is allowed: %t, want %t", tc.reason, tc.addr, got, tc.want)
			}
		})
	}
	if (Addresses{}).Allow(netip.Addr{}) {
		t.Error("no address is allowed")
	}
}

// TestFormsOfOneAddress: whatever form an IPv4 address takes in IPv6, it is allowed where IPv4 is, or nowhere.
func TestFormsOfOneAddress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		four := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"))
		allowed := Addresses{}.Allow(netip.AddrFrom4(four))
		forms := map[string][16]byte{"mapped": {10: 0xff, 11: 0xff}, "compatible": {}, "NAT64": {0, 0x64, 0xff, 0x9b}, "local NAT64": {
			0, 0x64, 0xff, 0x9b, 0, 1,
		}}
		for name, form := range forms {
			copy(form[12:], four[:])
			if (Addresses{}).Allow(netip.AddrFrom16(form)) && !allowed {
				t.Errorf("%s of %v is allowed", name, four)
			}
		}
		six := [16]byte{0: 0x20, 1: 0x02}
		copy(six[2:], four[:])
		if (Addresses{}).Allow(netip.AddrFrom16(six)) != allowed {
			t.Errorf("6to4 of %v is another matter", four)
		}
	})
}

func TestParsePrivate(t *testing.T) {
	cases := map[string]struct{ text, err string }{
		"One":     {text: "10.20.0.0/16"},
		"Several": {text: "10.0.0.0/8, 192.168.7.0/24,fd00::/8"},
		"Public":  {text: "8.8.8.0/24", err: "is not within 10.0.0.0/8"},
		"All":     {text: "0.0.0.0/0", err: "is not within 10.0.0.0/8"},
		"Wider":   {text: "10.0.0.0/7", err: "is not within"},
		"Machine": {text: "127.0.0.0/8", err: "is not within"},
		"Link":    {text: "169.254.0.0/16", err: "is not within"},
		"Address": {text: "10.0.0.1", err: "want ADDRESS/BITS"},
		"Nothing": {err: "want ADDRESS/BITS"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivate(tc.text)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, want %q", err, tc.err)
			}
		})
	}
}

func TestRelated(t *testing.T) {
	cases := map[string]struct {
		a, b string
		want bool
	}{
		"Same":         {a: "registry.example.com", b: "registry.example.com", want: true},
		"Siblings":     {a: "index.docker.io", b: "auth.docker.io", want: true},
		"Parent":       {a: "registry.gitlab.com", b: "gitlab.com", want: true},
		"Case":         {a: "Registry.Example.com", b: "registry.example.COM", want: true},
		"Others":       {a: "registry.example.com", b: "registry.example.org"},
		"PublicSuffix": {a: "a.co.uk", b: "b.co.uk"},
		"Tenants":      {a: "a.github.io", b: "b.github.io"},
		"Addresses":    {a: "10.0.0.1", b: "11.0.0.1"},
		"SameAddress":  {a: "10.0.0.1", b: "10.0.0.1", want: true},
		"Ending":       {a: "evildocker.io", b: "docker.io"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if Related(tc.a, tc.b) != tc.want || Related(tc.b, tc.a) != tc.want {
				t.Errorf("%s and %s are related: %t, want %t", tc.a, tc.b, !tc.want, tc.want)
			}
		})
	}
}

// TestNamedHosts: what the administrator has named may have any address, at that port and under that name only.
func TestNamedHosts(t *testing.T) {
	reached := errors.New("reached")
	network := Network{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		},
		Connect: func(_ context.Context, to netip.AddrPort, check func(string) error) (net.Conn, error) {
			if check != nil {
				return nil, check(to.String())
			}
			return nil, reached
		},
	}
	d := NewDialer(Addresses{}, Hosts{"mirror.example:5000": true}, network)
	for address, want := range map[string]bool{
		"mirror.example:5000": true,
		"Mirror.Example:5000": true,
		"mirror.example:6443": false,
		"other.example:5000":  false,
		"127.0.0.1:5000":      false,
	} {
		_, err := d.DialContext(t.Context(), "tcp", address)
		var refused *AddressError
		if errors.Is(err, reached) != want || errors.As(err, &refused) == want {
			t.Errorf("%s: got %v, may be reached: %t", address, err, want)
		}
	}
}

// TestDialerChecksBeforeItConnects: a network that checks nothing is not asked to connect.
func TestDialerChecksBeforeItConnects(t *testing.T) {
	var reached []netip.AddrPort
	network := Network{
		Resolve: func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("::1")}, nil
		},
		Connect: func(_ context.Context, to netip.AddrPort, _ func(string) error) (net.Conn, error) {
			reached = append(reached, to)
			return nil, errors.New("connection refused")
		},
	}
	d := NewDialer(Addresses{}, Hosts{}, network)
	_, err := d.DialContext(t.Context(), "tcp", "both.example:443")
	if err == nil {
		t.Error("there is a connection")
	}
	if _, refused := errors.AsType[*AddressError](err); refused {
		t.Errorf("want a failure that may pass, because one address is public, got %v", err)
	}
	if len(reached) != 1 || reached[0].String() != "93.184.216.34:443" {
		t.Errorf("connected to %v", reached)
	}
}

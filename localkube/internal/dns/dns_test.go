package dns

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/net/dns/dnsmessage"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

func objects() []runtime.Object {
	yes, no, host := true, false, "db-0"
	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "shop", Name: name} }
	return []runtime.Object{
		&corev1.Service{ObjectMeta: meta("web"), Spec: corev1.ServiceSpec{ClusterIP: "10.96.1.1"}},
		&corev1.Service{ObjectMeta: meta("db"), Spec: corev1.ServiceSpec{ClusterIP: corev1.ClusterIPNone}},
		&corev1.Service{
			ObjectMeta: meta("elsewhere"),
			Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.org"},
		},
		&discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db-1", Labels: map[string]string{discoveryv1.LabelServiceName: "db"}},
			Endpoints: []discoveryv1.Endpoint{
				{Addresses: []string{"10.244.0.5"}, Hostname: &host, Conditions: discoveryv1.EndpointConditions{Ready: &yes}},
				{Addresses: []string{"10.244.0.6"}},
				{Addresses: []string{"10.244.0.7"}, Conditions: discoveryv1.EndpointConditions{Ready: &no}},
			},
		},
	}
}

func TestAnswer(t *testing.T) {
	source, err := Watch(t.Context(), fake.NewClientset(objects()...))
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason    string
		name      string
		kind      dnsmessage.Type
		want      []string
		rcode     dnsmessage.RCode
		elsewhere bool
	}{
		"Service": {reason: "A Service has one address.", name: "web.shop.svc.cluster.local.", want: []string{"10.96.1.1"}},
		"Case":    {reason: "Names are case-insensitive.", name: "WEB.shop.SVC.cluster.local.", want: []string{"10.96.1.1"}},
		"Headless": {
			reason: "A headless Service has the addresses of its ready endpoints.",
			name:   "db.shop.svc.cluster.local.",
			want:   []string{"10.244.0.5", "10.244.0.6"},
		},
		"Host": {
			reason: "A pod of a StatefulSet has its own name.",
			name:   "db-0.db.shop.svc.cluster.local.",
			want:   []string{"10.244.0.5"},
		},
		"NoHost":  {reason: "A pod that does not exist has no name.", name: "db-9.db.shop.svc.cluster.local.", rcode: dnsmessage.RCodeNameError},
		"Unknown": {reason: "The Service does not exist.", name: "nope.shop.svc.cluster.local.", rcode: dnsmessage.RCodeNameError},
		"Namespace": {
			reason: "This namespace has no Service of this name.",
			name:   "web.other.svc.cluster.local.",
			rcode:  dnsmessage.RCodeNameError,
		},
		"Search": {
			reason: "Resolvers first try the name with each search domain appended.",
			name:   "example.org.shop.svc.cluster.local.",
			rcode:  dnsmessage.RCodeNameError,
		},
		"Domain": {reason: "The domain itself exists.", name: "cluster.local."},
		"IPv6": {
			reason: "The name exists, but has no address of this type.",
			name:   "web.shop.svc.cluster.local.",
			kind:   dnsmessage.TypeAAAA,
		},
		"External": {reason: "A Service of type ExternalName exists, but has no address.", name: "elsewhere.shop.svc.cluster.local."},
		"World":    {reason: "All other names are forwarded to the host's name servers.", name: "example.org.", elsewhere: true},
		"Suffix":   {reason: "A domain that only has the same suffix is another domain.", name: "notcluster.local.", elsewhere: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.kind == 0 {
				tc.kind = dnsmessage.TypeA
			}
			reply, ours, err := answer(query(t, 17, tc.name, tc.kind), source)
			if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			if ours == tc.elsewhere {
				t.Fatalf("%s\nanswered here: %t", tc.reason, ours)
			}
			if tc.elsewhere {
				return
			}
			header, addresses := parse(t, reply)
			if header.ID != 17 || !header.Response || header.RCode != tc.rcode {
				t.Errorf("%s\nheader is %+v, want code %v", tc.reason, header, tc.rcode)
			}
			if diff := cmp.Diff(tc.want, addresses, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestAnswerRefusesGarbage(t *testing.T) {
	for _, garbage := range [][]byte{nil, {1}, make([]byte, headerLength)} {
		if _, _, err := answer(garbage, nothing{}); err == nil {
			t.Errorf("%v was accepted as a query", garbage)
		}
	}
}

// TestServer queries over both transports: a name of the cluster, a name that the host's name server knows, and, when that
// server is gone, a name that cannot be resolved.
func TestServer(t *testing.T) {
	upstream := hostServer(t)
	socket, err := net.Dial("udp", upstream.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	source, err := Watch(t.Context(), fake.NewClientset(objects()...))
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{Source: source, Upstreams: []*Upstream{NewUpstream(socket)}}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() { _ = server.ServePacket(packets) }()
	go func() { _ = server.Serve(listener) }()

	overUDP := askUDP(t, packets.LocalAddr().String(), query(t, 1, "web.shop.svc.cluster.local.", dnsmessage.TypeA))
	if _, addresses := parse(t, overUDP); !cmp.Equal(addresses, []string{"10.96.1.1"}) {
		t.Errorf("over UDP: %v", addresses)
	}
	overTCP := askTCP(t, listener.Addr().String(), query(t, 2, "web.shop.svc.cluster.local.", dnsmessage.TypeA))
	if _, addresses := parse(t, overTCP); !cmp.Equal(addresses, []string{"10.96.1.1"}) {
		t.Errorf("over TCP: %v", addresses)
	}
	fromHost := askUDP(t, packets.LocalAddr().String(), query(t, 3, "example.org.", dnsmessage.TypeA))
	if header, addresses := parse(t, fromHost); header.ID != 3 || !cmp.Equal(addresses, []string{"192.0.2.7"}) {
		t.Errorf("through the host's name server: %+v %v", header, addresses)
	}
	_ = upstream.Close()
	failed := askUDP(t, packets.LocalAddr().String(), query(t, 4, "example.org.", dnsmessage.TypeA))
	if header, _ := parse(t, failed); header.ID != 4 || header.RCode != dnsmessage.RCodeServerFailure {
		t.Errorf("without a name server the answer is %+v", header)
	}
}

func TestResolvConf(t *testing.T) {
	const text = "# by hand\nnameserver 127.0.0.53\nnameserver fd00::1\nnameserver nonsense\nnameserver " +
		"192.0.2.1\nnameserver 192.0.2.2\nsearch example.org\noptions edns0\n"
	want := []netip.Addr{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("192.0.2.1")}
	if diff := cmp.Diff(want, ParseNameservers(text), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const redirected = "nameserver 198.18.0.2\n# by hand\nsearch example.org\noptions edns0\n"
	if diff := cmp.Diff(redirected, Redirect(text, netip.MustParseAddr("198.18.0.2"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// hostServer is a name server that answers every query with 192.0.2.7.
func hostServer(t *testing.T) net.PacketConn {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		buffer := make([]byte, maxMessage)
		for {
			n, client, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var message dnsmessage.Message
			if message.Unpack(buffer[:n]) != nil {
				continue
			}
			message.Response = true
			message.Answers = records(message.Questions[0].Name, []netip.Addr{netip.MustParseAddr("192.0.2.7")})
			if reply, err := message.Pack(); err == nil {
				_, _ = socket.WriteTo(reply, client)
			}
		}
	}()
	return socket
}

func query(t *testing.T, id uint16, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := message.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func parse(t *testing.T, reply []byte) (dnsmessage.Header, []string) {
	t.Helper()
	var message dnsmessage.Message
	if err := message.Unpack(reply); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, one := range message.Answers {
		addresses = append(addresses, netip.AddrFrom4(one.Body.(*dnsmessage.AResource).A).String())
	}
	return message.Header, addresses
}

func askUDP(t *testing.T, address string, question []byte) []byte {
	t.Helper()
	connection := dial(t, "udp", address)
	if _, err := connection.Write(question); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, maxMessage)
	n, err := connection.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return buffer[:n]
}

func askTCP(t *testing.T, address string, question []byte) []byte {
	t.Helper()
	connection := dial(t, "tcp", address)
	if err := writeMessage(connection, question); err != nil {
		t.Fatal(err)
	}
	reply, err := readMessage(connection)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return connection
}

// nothing is a source without names.
type nothing struct{}

// Addresses implements Source.
func (nothing) Addresses(string, string, string) ([]netip.Addr, bool) { return nil, false }

func TestAskEndsWithItsContext(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	socket, err := net.Dial("udp", silent.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewUpstream(socket).ask(ctx, query(t, 1, "example.org.", dnsmessage.TypeA), overUDP); err == nil {
		t.Error("there is an answer of a silent name server")
	}
}

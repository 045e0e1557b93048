package image

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

const (
	evil     = "evil.example.com"
	evilAddr = "93.184.216.10"
)

// TestHostileRegistry: whatever a registry does, the controller connects to nothing but the registry, takes little memory,
// and repeats no word of it.
func TestHostileRegistry(t *testing.T) {
	for name, tc := range attacks(t) {
		t.Run(name, func(t *testing.T) {
			n := newInternet()
			n.serve(t, evil, evilAddr, tc.handler)
			n.names["inside.example.com"] = []string{"10.96.0.1"}
			n.serve(t, "storage.example.net", "93.184.216.11", whole("{}"))
			before := allocated()
			_, err := lookup(Options{Transport: n.transport(t)}).Entrypoint(t.Context(), evil+"/a:1", Pull{Namespace: "n", Step: step})
			if tc.passing {
				wantPassing(t, err, name, "registry "+evil+" "+silent)
			} else {
				wantError(t, err, name, tc.says)
			}
			if touched := n.touched(evilAddr + ":443"); len(touched) > 0 {
				t.Errorf("the controller connected to %v", touched)
			}
			if err != nil && strings.Contains(err.Error(), "internal network") {
				t.Errorf("it says %q", err)
			}
			const most = 96 << 20 // bytes, the server's own included; decoding what these registries send took several times as much
			if took := allocated() - before; took > most {
				t.Errorf("the lookup allocated %d bytes", took)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestAddressesThatAreNotAsked: an image may be named after any address; those that are not public are not connected to, by
// whatever name.
func TestAddressesThatAreNotAsked(t *testing.T) {
	n := newInternet()
	n.names["rebound.example.com"] = []string{"127.0.0.1"}
	n.names["localhost"] = []string{"::1"}
	n.names["nat64.example.com"] = []string{"64:ff9b::a9fe:a9fe"}
	for _, image := range []string{
		"127.0.0.1:6443/a:1", "10.0.0.7:9090/a:1", "169.254.169.254/a:1", "192.168.1.1:443/a:1", "100.100.100.200/a:1",
		"localhost:8081/a:1", "rebound.example.com/a:1", "nat64.example.com/a:1", "0.0.0.0:80/a:1",
	} {
		_, err := lookup(Options{Transport: n.transport(t)}).Entrypoint(t.Context(), image, Pull{Namespace: "n", Step: step})
		wantError(t, err, image, "has no address to which the controller may connect", "--image-lookup-private-networks")
	}
	if touched := n.touched(); len(touched) > 0 {
		t.Errorf("the controller connected to %v", touched)
	}
}

// TestPlainHTTP: a registry in a private network that is allowed is asked by HTTPS, and by nothing else: a pull secret must not
// cross the network in the clear.
func TestPlainHTTP(t *testing.T) {
	for _, host := range []string{"10.20.0.7:9090", "127.0.0.1:9090", "registry.localhost:9090"} {
		t.Run(host, func(t *testing.T) {
			n := newInternet()
			n.private = []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")}
			n.listen(t, "plain", "10.20.0.7", holding(good).ServeHTTP, false)
			n.servers["10.20.0.7:9090"] = n.servers["10.20.0.7:443"]
			n.names["registry.localhost"] = []string{"10.20.0.7"}
			l := lookup(Options{Transport: n.transport(t)}, account("default", "key"), login("key", host, "ci", "hunter2"))
			if found, err := l.Entrypoint(t.Context(), host+"/a:1", Pull{Namespace: "n", Step: step}); err == nil {
				t.Errorf("it was asked in the clear: %+v", found)
			}
			if got := n.asked("", ""); len(got) > 0 {
				t.Errorf("it was asked %q", got)
			}
		})
	}
}

// TestRebinding: a name that is public when it is first resolved, and internal when it is resolved again.
func TestRebinding(t *testing.T) {
	n := newInternet()
	s := holding(good)
	n.serve(t, evil, evilAddr, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		s.ServeHTTP(w, r)
	})
	n.names[evil] = []string{evilAddr, "127.0.0.1"}
	_, err := lookup(Options{Transport: n.transport(t)}).Entrypoint(t.Context(), evil+"/a:1", Pull{Namespace: "n", Step: step})
	wantError(t, err, "Each connection is checked.", "has no address to which the controller may connect")
	if touched := n.touched(evilAddr + ":443"); len(touched) > 0 {
		t.Errorf("the controller connected to %v", touched)
	}
}

// TestNoPortScanner: whatever is wrong with a host, its message is the same.
func TestNoPortScanner(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
		}
	}
	cases := map[string]func(t *testing.T, n *internet){
		"Refused":  func(_ *testing.T, n *internet) { n.names[evil] = []string{evilAddr} },
		"PlainTCP": func(t *testing.T, n *internet) { n.listen(t, evil, evilAddr, whole(""), false) },
		"Header":   func(t *testing.T, n *internet) { n.serve(t, evil, evilAddr, hang) },
		"Body":     func(t *testing.T, n *internet) { n.serve(t, evil, evilAddr, drip) },
		"HangsUp": func(t *testing.T, n *internet) {
			n.serve(t, evil, evilAddr, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		},
		"Redirect": func(t *testing.T, n *internet) { n.serve(t, evil, evilAddr, redirect("https://x.example.org/")) },
		"Basic":    func(t *testing.T, n *internet) { n.serve(t, evil, evilAddr, challenge(`Basic realm="router"`, nil)) },
	}
	for _, status := range []int{200, 204, 301, 400, 403, 404, 418, 429, 500, 502, 503} {
		cases[fmt.Sprint(status)] = func(t *testing.T, n *internet) {
			n.serve(t, evil, evilAddr, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		}
	}
	for name, serve := range cases {
		t.Run(name, func(t *testing.T) {
			n := newInternet()
			serve(t, n)
			_, err := lookup(Options{Transport: n.transport(t), Timeout: 300 * time.Millisecond}).Entrypoint(t.Context(),
				evil+"/a:1", Pull{Namespace: "n", Step: step})
			var passing *PassingError
			if want := "registry " + evil + " " + silent; !errors.As(err, &passing) || err.Error() != want {
				t.Errorf("it says %v, want %q", err, want)
			}
			if passing != nil && passing.Cause == nil {
				t.Error("the log has no cause")
			}
		})
	}
	t.Run("Certificate", func(t *testing.T) {
		n := newInternet()
		n.serve(t, evil, evilAddr, holding(good).ServeHTTP)
		strict := guard.NewTransport(guard.NewDialer(guard.Addresses{}, guard.Hosts{}, guard.Network{Resolve: n.resolve, Connect: n.connect}))
		_, err := lookup(Options{Transport: strict}).Entrypoint(t.Context(), evil+"/a:1", Pull{Namespace: "n", Step: step})
		wantPassing(t, err, "A certificate that nobody has signed.", "registry "+evil+" "+silent)
	})
}

// identity is a pull secret that holds an identity token for a registry.
func identity(host string) *corev1.Secret {
	return secret("key", corev1.SecretTypeDockerConfigJson, corev1.DockerConfigJsonKey, map[string]any{
		"auths": map[string]any{host: map[string]any{
			"auth": base64.StdEncoding.EncodeToString([]byte("00000000-0000-0000-0000-000000000000:")), "identitytoken": "hunter2",
		}},
	})
}

// TestTokens: credentials are sent only to their registry, and to the token service that it names. An identity token never
// leaves the registry's domain.
func TestTokens(t *testing.T) {
	cases := map[string]struct {
		reason string
		realm  string
		secret *corev1.Secret
		posted int
		found  bool
	}{
		"IdentityOwnHost": {
			reason: "The registry is its own token service.",
			realm:  evil,
			secret: identity(evil),
			posted: 1,
			found:  true,
		},
		"IdentitySibling": {
			reason: "So is a host of the same owner.",
			realm:  "auth.example.com",
			secret: identity(evil),
			posted: 1,
			found:  true,
		},
		"IdentityElsewhere": {
			reason: "Another owner gets no identity token.",
			realm:  "auth.example.org",
			secret: identity(evil),
		},
		"PasswordElsewhere": {
			reason: "Registries do have token services elsewhere.",
			realm:  "auth.example.org",
			secret: login("key", evil, "ci", "hunter2"),
			found:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := newInternet()
			token := func(w http.ResponseWriter, _ *http.Request) {
				_ = json.NewEncoder(w).Encode(map[string]string{"token": "t", "access_token": "t"})
			}
			s := holding(good)
			n.serve(t, evil, evilAddr, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/token" && r.Header.Get("Authorization") == "Bearer t" {
					s.ServeHTTP(w, r)
					return
				}
				challenge(`Bearer realm="https://`+tc.realm+`/token",service="x"`, token)(w, r)
			})
			if tc.realm != evil {
				n.serve(t, tc.realm, "93.184.216.12", token)
			}
			objects := []client.Object{account("default", "key"), tc.secret}
			_, err := lookup(Options{Transport: n.transport(t)}, objects...).Entrypoint(t.Context(), evil+"/a:1", Pull{Namespace: "n", Step: step})
			if (err == nil) != tc.found {
				t.Errorf("%s\ngot %v", tc.reason, err)
			}
			if posted := len(n.asked(http.MethodPost, "")); posted != tc.posted {
				t.Errorf("%s\n%d requests were posted, want %d", tc.reason, posted, tc.posted)
			}
		})
	}
}

// TestBlobStorage: registries keep blobs in storages elsewhere, to which no credentials are sent.
func TestBlobStorage(t *testing.T) {
	n := newInternet()
	s := holding(good)
	s.blob = redirect("https://storage.example.net/signed")
	n.serve(t, evil, evilAddr, func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); ok {
			s.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		challenge(`Basic realm="x"`, nil)(w, r)
	})
	n.serve(t, "storage.example.net", "93.184.216.11", whole(good))
	found, err := lookup(Options{Transport: n.transport(t)}, account("default", "key"), login("key", evil, "ci", "hunter2")).
		Entrypoint(t.Context(), evil+"/a:1", Pull{Namespace: "n", Step: step})
	if err != nil || found.Entrypoint[0] != "one" {
		t.Errorf("got %+v, %v", found, err)
	}
	if got := n.asked(http.MethodGet, "storage.example.net"); len(got) != 1 || strings.Contains(got[0], "Basic") {
		t.Errorf("the storage was asked %q", got)
	}
}

// TestRegistryAnswersForCertain: the statuses of a host are reported after it has proved to be a registry.
func TestRegistryAnswersForCertain(t *testing.T) {
	cases := map[string]struct {
		status int
		says   string
	}{
		"NotFound":     {status: http.StatusNotFound, says: "does not have it"},
		"Unauthorized": {status: http.StatusUnauthorized, says: "responds with status 401"},
		"Forbidden":    {status: http.StatusForbidden, says: "responds with status 403"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			n := newInternet()
			n.serve(t, evil, evilAddr, manifests(failing(tc.status, "")))
			_, err := lookup(Options{Transport: n.transport(t)}).Entrypoint(t.Context(), evil+"/a:1", Pull{Namespace: "n", Step: step})
			wantError(t, err, "A user can act on it.", tc.says)
		})
	}
	t.Run("NoSuchName", func(t *testing.T) {
		_, err := lookup(Options{Transport: newInternet().transport(t)}).Entrypoint(t.Context(), "none.example.com/a:1", Pull{
			Namespace: "n",
			Step:      step,
		})
		wantError(t, err, "Each pod finds that out.", "is not known to the name server")
	})
}

// TestPrivateImagesStayInTheirNamespace: an image that needs one namespace's pull secret answers no other namespace, not even
// by digest.
func TestPrivateImagesStayInTheirNamespace(t *testing.T) {
	s := newServer(t)
	s.user, s.password = "ci", "hunter2"
	private := running(t, []string{"secret-tool"}, nil)
	tagged := s.image(t, "team/a:1", private)
	byDigest := s.host + "/team/a@" + digestOf(t, private)
	l := lookup(s.options(), account("default", "key"), login("key", s.host, "ci", "hunter2"))
	if _, err := l.Entrypoint(t.Context(), tagged, Pull{Namespace: "n", Step: step}); err != nil {
		t.Fatal(err)
	}
	s.asked()
	if _, err := l.Entrypoint(t.Context(), byDigest, Pull{Namespace: "n", Step: step}); err != nil || len(s.asked()) > 0 {
		t.Errorf("the namespace itself has it at hand, got %v", err)
	}
	_, err := l.Entrypoint(t.Context(), byDigest, Pull{Namespace: "other", Step: step})
	wantError(t, err, "Another namespace has no pull secret for it.", "responds with status 401")
}

// TestCacheIsBounded: in entries and in bytes.
func TestCacheIsBounded(t *testing.T) {
	cases := map[string]manifest{
		"Small": {entrypoint: []string{"x"}},
		"Large": {entrypoint: []string{strings.Repeat("x", maxCommand)}},
		"Words": {cmd: make([]string, maxWords)},
	}
	for name, m := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCache()
			for i := range 3 * maxCached {
				c.add(cacheKey{repository: fmt.Sprint(i)}, m)
			}
			bytes := 0
			for e := c.order.Front(); e != nil; e = e.Next() {
				bytes += e.Value.(cached).size
			}
			if n := len(c.entries); n > maxCached || n != c.order.Len() || c.bytes > maxCachedBytes || c.bytes != bytes || n == 0 {
				t.Errorf("%d entries have %d bytes, counted as %d", n, bytes, c.bytes)
			}
			if _, ok := c.get(cacheKey{repository: fmt.Sprint(3*maxCached - 1)}); !ok {
				t.Error("the last one is not there")
			}
		})
	}
}

// TestMachineIsChecked: the machine's own network checks as well, at the moment of the connection.
func TestMachineIsChecked(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = lookup(Options{}).Entrypoint(t.Context(), net.JoinHostPort(host, port)+"/a:1", Pull{Namespace: "n", Step: step})
		wantError(t, err, host, "has no address to which the controller may connect")
	}
	network := guard.Machine()
	_, err = network.Connect(context.Background(), listener.Addr().(*net.TCPAddr).AddrPort(), func(address string) error {
		return fmt.Errorf("seen %s", address)
	})
	if err == nil || !strings.Contains(err.Error(), "seen "+listener.Addr().String()) {
		t.Errorf("the connection was made without being checked: %v", err)
	}
}

// TestNoMemoryForAnAnswer: while other lookups hold the memory, a large answer is read later, and its registry gets no blame.
func TestNoMemoryForAnAnswer(t *testing.T) {
	n := newInternet()
	n.serve(t, evil, evilAddr, holding(`{"os":"linux","config":{"Entrypoint":["one"]},"x":"`+strings.Repeat("x", 300<<10)+`"}`).ServeHTTP)
	n.serve(t, "small.example.com", "93.184.216.11", holding(good).ServeHTTP)
	memory := budget.New(guard.Memory)
	others := memory.Lease()
	if !others.Grow(guard.Memory) {
		t.Fatal("the budget has no room")
	}
	l, pull := lookup(Options{Transport: n.transport(t), Memory: memory}), Pull{Namespace: "n", Step: step}
	_, err := l.Entrypoint(t.Context(), evil+"/a:1", pull)
	wantPassing(t, err, "It goes better when others have ended.", "has no memory")
	if passing, ok := errors.AsType[*PassingError](err); !ok || passing.Registry {
		t.Errorf("want a failure that is not the registry's, which would become final, got %#v", err)
	}
	if _, err := l.Entrypoint(t.Context(), "small.example.com/a:1", pull); err != nil {
		t.Errorf("a small answer needs nothing of the memory: %v", err)
	}
	others.End()
	if _, err := l.Entrypoint(t.Context(), evil+"/a:1", pull); err != nil {
		t.Errorf("want the answer when there is room, got %v", err)
	}
	if memory.Held() != 0 {
		t.Errorf("%d bytes are still held", memory.Held())
	}
}

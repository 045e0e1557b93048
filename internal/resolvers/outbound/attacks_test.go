package outbound_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/test/testutil/internet"
)

const (
	evil        = "evil.example.com"
	evilAddress = "93.184.216.34"
	limit       = 64 << 10
)

// inside are the hosts that no request of a user may reach, with their addresses.
func inside() map[string]string {
	return map[string]string{
		"loopback.example.com": "127.0.0.1",
		"metadata.example.com": "169.254.169.254",
		"cluster.example.com":  "10.96.0.1",
		"unique.example.com":   "fd12::1",
	}
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
}

func whole(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func gzipped(t *testing.T) http.HandlerFunc {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, 10<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(b.Bytes())
	}
}

// get reads a URL as a resolver does.
func get(t *testing.T, n *outbound.Network, text string) (string, error) {
	t.Helper()
	address, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	limits := outbound.Limits{Bytes: limit}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, text, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := n.Client(address, limits).Do(request)
	if err != nil {
		return "", outbound.Explain(err, address.Host, limits)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", outbound.Explain(err, address.Host, limits)
	}
	return string(content), nil
}

func TestHostileHosts(t *testing.T) {
	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		// url is the address that a user gives.
		url string
		// says is in the message, and retry whether a retry can help.
		says  string
		retry bool
	}{
		"RedirectToAnotherHost": {
			reason:  "A host must not choose where the program goes.",
			handler: redirect("https://other.example.com/x"),
			says:    "it redirects to another host; give the address to which it redirects",
		},
		"RedirectToPlainHTTP": {
			reason:  "Nor without TLS.",
			handler: redirect("http://" + evil + "/x"),
			says:    "it redirects to another host",
		},
		"RedirectToAnotherPort": {
			reason:  "Another port is another server.",
			handler: redirect("https://" + evil + ":8443/x"),
			says:    "it redirects to another host",
		},
		"RedirectToMetadata": {
			reason:  "The usual aim of such a redirect.",
			handler: redirect("https://169.254.169.254/latest/meta-data/"),
			says:    "it redirects to another host",
		},
		"RedirectsWithoutEnd": {
			reason:  "Redirects are counted.",
			handler: redirect("/again"),
			says:    "it redirects more than 3 times",
		},
		"Oversized": {
			reason:  "The program does not read what it cannot use.",
			handler: whole(strings.Repeat("x", limit+1)),
			says:    "it has more than 65536 bytes, the limit",
		},
		"GzipBomb": {
			reason:  "Nothing is decompressed.",
			handler: gzipped(t),
			says:    "it sends compressed content, which is not accepted",
		},
		"HugeHeader": {
			reason: "A header has a limit, too.",
			handler: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X", strings.Repeat("x", 1<<20))
			},
			says:  "cannot be reached, or did not answer in time",
			retry: true,
		},
		"PlainHTTP": {
			reason: "Without a setting there is no plain HTTP.",
			url:    "http://" + evil + "/x",
			says:   "only HTTPS is used",
		},
		"Credentials": {
			reason: "An address with a password would be in logs and statuses.",
			url:    "https://user:secret@" + evil + "/x",
			says:   "the address holds credentials",
		},
		"UnknownHost": {
			reason: "One message for all failures to connect.",
			url:    "https://nowhere.example.com/x",
			says:   "cannot be reached, or did not answer in time",
			retry:  true,
		},
		"ClosedPort": {
			reason: "One message for all failures to connect, so that a user cannot scan ports.",
			url:    "https://" + evil + ":8443/x",
			says:   "cannot be reached, or did not answer in time",
			retry:  true,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			world := internet.New()
			handler := tc.handler
			if handler == nil {
				handler = whole("x")
			}
			world.Serve(t, evil, evilAddress, handler)
			world.Serve(t, "other.example.com", "93.184.216.35", whole("secret"))
			address := tc.url
			if address == "" {
				address = "https://" + evil + "/x"
			}
			_, err := get(t, outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()}), address)
			failure := asFailure(t, err)
			if !strings.Contains(failure.Message, tc.says) || failure.Retry != tc.retry {
				t.Errorf("%s\nwant %q and retry %t, got %q and %t", tc.reason, tc.says, tc.retry, failure.Message, failure.Retry)
			}
			for _, address := range world.Connected() {
				if !strings.HasPrefix(address, evilAddress+":") {
					t.Errorf("%s\nconnected to %s", tc.reason, address)
				}
			}
		})
	}
}

// TestPrivateAddresses: no host inside is connected to, whatever its name, unless a setting permits its network; those of the
// machine itself and of its cloud are never.
func TestPrivateAddresses(t *testing.T) {
	for host, address := range inside() {
		t.Run(host, func(t *testing.T) {
			world := internet.New()
			world.Name(host, address)
			_, err := get(t, outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()}), "https://"+host+"/x")
			failure := asFailure(t, err)
			if !strings.Contains(failure.Message, "its address is not public") || strings.Contains(failure.Message, address) || failure.Retry {
				t.Errorf("want a refusal without the address, got %q, retry %t", failure.Message, failure.Retry)
			}
			all := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fc00::/7")}
			permitted := outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS(), Private: all})
			_, err = get(t, permitted, "https://"+host+"/x")
			refused := strings.Contains(asFailure(t, err).Message, "its address is not public")
			if never := host == "loopback.example.com" || host == "metadata.example.com"; refused != never {
				t.Errorf("with all private networks permitted: refused %t, want %t", refused, never)
			}
		})
	}
}

// TestNameThatMovesInside: a name that is public at first, and means the machine itself the next time, is refused the next time.
func TestNameThatMovesInside(t *testing.T) {
	world := internet.New()
	world.Serve(t, evil, evilAddress, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // so that the redirect needs another connection
		redirect("/again")(w, r)
	})
	world.Name(evil, evilAddress, "127.0.0.1")
	_, err := get(t, outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()}), "https://"+evil+"/x")
	if failure := asFailure(t, err); !strings.Contains(failure.Message, "its address is not public") {
		t.Errorf("want a refusal, got %q", failure.Message)
	}
	if connected := world.Connected(); !slices.Equal(connected, []string{evilAddress + ":443"}) {
		t.Errorf("want one connection to the public address, got %v", connected)
	}
}

// TestInsecureHost: a setting permits HTTP for one host, at any address, and for no other one.
func TestInsecureHost(t *testing.T) {
	world := internet.New()
	world.ServePlain(t, "git.inside", "10.1.2.3", whole("plain"))
	world.ServePlain(t, "other.inside", "10.1.2.4", whole("plain"))
	n := outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS(), Insecure: []string{"git.inside"}})
	if content, err := get(t, n, "http://git.inside/x"); err != nil || content != "plain" {
		t.Errorf("want the content of the named host, got %q, %v", content, err)
	}
	_, err := get(t, n, "http://other.inside/x")
	if failure := asFailure(t, err); !strings.Contains(failure.Message, "only HTTPS is used") {
		t.Errorf("want a refusal of another host, got %q", failure.Message)
	}
}

// TestBytesOfAllResponses: the limit is for all responses of a client together, so that a resolver with several requests has one.
func TestBytesOfAllResponses(t *testing.T) {
	world := internet.New()
	world.Serve(t, evil, evilAddress, whole(strings.Repeat("x", limit/2)))
	n := outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()})
	client := n.Client(&url.URL{Scheme: "https", Host: evil}, outbound.Limits{Bytes: limit})
	read := func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+evil+"/x", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.ReadAll(answer.Body)
		return err
	}
	for i := range 3 {
		if err := read(); (err != nil) != (i == 2) {
			t.Errorf("response %d: got error %v", i+1, err)
		}
	}
}

// TestAnswersShareMemory: large answers of hosts take no more memory together than there is for them, small ones are always
// read, and a refused one can be tried again.
func TestAnswersShareMemory(t *testing.T) {
	const large = 3 * outbound.FreeBytes
	world := internet.New()
	world.Serve(t, evil, evilAddress, func(w http.ResponseWriter, r *http.Request) {
		size := outbound.FreeBytes
		if r.URL.Path == "/large" {
			size = large
		}
		_, _ = w.Write(bytes.Repeat([]byte("x"), size))
	})
	n := outbound.New(outbound.Options{Machine: world.Machine(), TLS: world.TLS()})
	memory := budget.New(outbound.Copies * large)
	read := func(path string, lease *budget.Lease, counted bool) error {
		ctx := outbound.WithMemory(t.Context(), lease)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+evil+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := n.Client(request.URL, outbound.Limits{Bytes: large, Counted: counted}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		_, err = io.ReadAll(answer.Body)
		return err
	}
	first, second := memory.Lease(), memory.Lease()
	if err := read("/large", first, false); err != nil || memory.Held() < outbound.Copies*(large-outbound.FreeBytes) {
		t.Errorf("want the answer, and its memory counted, got %d bytes, %v", memory.Held(), err)
	}
	err := read("/large", second, false)
	if failure := outbound.Explain(err, evil, outbound.Limits{}); !errors.Is(err, outbound.ErrBusy) || !failure.Retry {
		t.Errorf("want a refusal that can be tried again, got %v", err)
	}
	if err := errors.Join(read("/small", second, false), read("/large", second, true)); err != nil {
		t.Errorf("want small answers, and those that their client counts, to be read: %v", err)
	}
	first.End()
	if err := read("/large", second, false); err != nil {
		t.Errorf("want room once the first has ended, got %v", err)
	}
}

package admission

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/sluice-ci/sluice/internal/validation"
)

// pipes is a network of connections in memory, so that the test controls the clock.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	c, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (pipes) Close() error   { return nil }
func (pipes) Addr() net.Addr { return from("10.0.0.1:443") }

type from string

func (from) Network() string  { return "tcp" }
func (f from) String() string { return string(f) }

type conn struct {
	net.Conn

	remote from
}

func (c conn) RemoteAddr() net.Addr { return c.remote }

// dial creates a connection from an address.
func (p pipes) dial(address string) net.Conn {
	client, server := net.Pipe()
	p <- conn{server, from(address)}
	return client
}

// end closes a server, which waits shortly for open requests.
func (p pipes) end(server *http.Server) {
	close(p)
	_ = server.Close()
	<-time.After(time.Minute)
}

// mux returns the webhooks as the controller serves them.
func mux(t *testing.T, g *gate) http.Handler {
	t.Helper()
	server := webhook.NewServer(webhook.Options{CertDir: t.TempDir()})
	All(validation.DefaultLimits, noSettings).register(server, g)
	return server.WebhookMux()
}

func review(namespace string, size int) string {
	const format = `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1",` +
		`"kind":{"group":"tekton.dev","version":"v1","kind":"Task"},"namespace":"%s","operation":"CREATE",` +
		`"object":{"spec":{"steps":[{"image":"i","script":"%s"}]}}}}`
	return fmt.Sprintf(format, namespace, strings.Repeat("x", size))
}

const head = "POST /validate?timeout=1h HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"

// answerOn reads the response on a connection.
func answerOn(t *testing.T, c io.Reader) (code int, text string) {
	t.Helper()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// TestSlowClientsHoldNothing: while many clients send one byte of their requests and then nothing, other requests of any size
// get a response immediately. The slow clients are cut off.
func TestSlowClientsHoldNothing(t *testing.T) {
	cases := map[string]struct {
		reason  string
		clients int
		claimed int
		proper  int
	}{
		"Small": {
			reason:  "a slow small request holds no place among the small ones",
			clients: 4 * smallAtOnce,
			claimed: 100,
			proper:  100,
		},
		"Medium": {
			reason:  "nor among the medium ones",
			clients: 4 * mediumAtOnce,
			claimed: smallRequest + 1,
			proper:  smallRequest + 1,
		},
		"Large": {
			reason:  "nor among the large ones",
			clients: 4,
			claimed: largestRequest,
			proper:  mediumRequest + 1,
		},
		"Thousands": {
			reason:  "more of them than there is room for are cut off, in favor of an address with fewer",
			clients: 2 * bodiesRoom / visitRoom,
			claimed: 40000,
			proper:  1 << 20,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { slowClients(t, tc.reason, tc.clients, tc.claimed, tc.proper) })
		})
	}
}

// slowClients starts clients that announce a size and send one byte, and sends a valid request of another size.
func slowClients(t *testing.T, reason string, clients, claimed, proper int) {
	t.Helper()
	network := make(pipes)
	server := &http.Server{Handler: mux(t, newGate())}
	go func() { _ = server.Serve(network) }()
	var slow []net.Conn
	for i := range clients {
		c := network.dial(fmt.Sprintf("10.1.0.1:%d", i))
		if _, err := fmt.Fprintf(c, head, claimed, "{"); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	synctest.Wait()
	begin := time.Now()
	body := review("team", proper)
	c := network.dial("10.2.0.1:1")
	if _, err := fmt.Fprintf(c, head, len(body), body); err != nil {
		t.Fatal(err)
	}
	if code, text := answerOn(t, c); code != http.StatusOK || !strings.Contains(text, `"allowed":true`) {
		t.Errorf("%s: got %d, %s", reason, code, text)
	}
	if waited := time.Since(begin); waited > 0 {
		t.Errorf("%s: the answer took %s", reason, waited)
	}
	for _, c := range slow {
		if code, text := answerOn(t, c); code != http.StatusRequestTimeout && code != http.StatusServiceUnavailable {
			t.Fatalf("want a slow client cut off, got %d, %s", code, text)
		}
	}
	if waited := time.Since(begin); waited > patience {
		t.Errorf("the slow clients held their connections for %s", waited)
	}
	for _, c := range append(slow, c) {
		_ = c.Close()
	}
	network.end(server)
}

// TestClientsThatDoNotReadHoldNothing: while many clients do not read their responses, other requests get a response immediately.
func TestClientsThatDoNotReadHoldNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := make(pipes)
		g := newGate()
		server := &http.Server{Handler: mux(t, g)}
		go func() { _ = server.Serve(network) }()
		const clients = 4 * smallAtOnce
		params := strings.Repeat(`{"name":"p"},`, 1000) + `{"name":"p"}` // each gets a type
		body := strings.Replace(review("team", 1), `"steps"`, `"params":[`+params+`],"steps"`, 1)
		begin := time.Now()
		var all []net.Conn
		for range clients {
			c := network.dial("10.1.0.1:1")
			if _, err := fmt.Fprintf(c, strings.Replace(head, "validate", "default", 1), len(body), body); err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		synctest.Wait()
		c := network.dial("10.2.0.1:1")
		if _, err := fmt.Fprintf(c, strings.Replace(head, "validate", "default", 1), len(body), body); err != nil {
			t.Fatal(err)
		}
		if code, text := answerOn(t, c); code != http.StatusOK || !strings.Contains(text, `"allowed":true`) || len(text) < 10_000 {
			t.Errorf("got %d, %.200s", code, text)
		}
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("the answer took %s", waited)
		}
		<-time.After(patience)
		synctest.Wait()
		if g.room != bodiesRoom {
			t.Errorf("clients that do not read hold %d bytes", bodiesRoom-g.room)
		}
		for _, c := range append(all, c) {
			_ = c.Close()
		}
		network.end(server)
	})
}

// TestSlowStreamIsCutOff: a body that stops ends its request, even if other requests share the connection.
func TestSlowStreamIsCutOff(t *testing.T) {
	server := httptest.NewUnstartedServer(mux(t, newGate()))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	body, more := io.Pipe()
	defer more.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+ValidatingPath+"?timeout=1ms", body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatalf("want the slow stream answered: %v", err)
	}
	defer answer.Body.Close()
	if answer.ProtoMajor != 2 || answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("want it cut off, got %s %d", answer.Proto, answer.StatusCode)
	}
}

// TestPatience: a client cannot get more time than the timeout of the API server.
func TestPatience(t *testing.T) {
	for name, tc := range map[string]struct {
		said string
		want time.Duration
	}{
		"Nothing":  {said: "", want: patience},
		"Less":     {said: "3s", want: 3 * time.Second},
		"More":     {said: "24h", want: patience},
		"Negative": {said: "-1s", want: patience},
		"NoTime":   {said: "long", want: patience},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{URL: &url.URL{RawQuery: "timeout=" + tc.said}}
			if got := newGate().patienceOf(r); got != tc.want {
				t.Errorf("want %s, got %s", tc.want, got)
			}
		})
	}
}

// TestGate: a request waits only for earlier requests in its lane, and not longer than the timeout of the API server.
func TestGate(t *testing.T) {
	g := newGate()
	full := map[int64]int{mediumRequest + 1: largeAtOnce, mediumRequest: mediumAtOnce, smallRequest: smallAtOnce}
	for _, size := range []int64{mediumRequest + 1, mediumRequest, smallRequest} {
		ctx, hangUp := context.WithCancel(t.Context())
		for range full[size] {
			v, _ := g.arrive(t.Context(), "")
			if err := g.enter(ctx, v, "", size); err != nil {
				t.Fatal(err)
			}
		}
		late, _ := g.arrive(t.Context(), "")
		waited := make(chan error)
		go func() { waited <- g.enter(ctx, late, "", size) }()
		hangUp()
		if err := <-waited; !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes: want the wait to end when the API server hangs up, got %v", size, err)
		}
		g.leave(late)
	}
}

// TestBusyWebhookAnswers: a waiting request gets a response within the timeout of the API server.
func TestBusyWebhookAnswers(t *testing.T) {
	g := newGate()
	for range largeAtOnce {
		v, ctx := g.arrive(t.Context(), "")
		if err := g.enter(ctx, v, "", mediumRequest+1); err != nil {
			t.Fatal(err)
		}
	}
	hook := &gated{&admission.Webhook{Handler: admission.HandlerFunc(All(validation.DefaultLimits, noSettings).judge)}, g}
	body := review("team", mediumRequest)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, ValidatingPath+"?timeout=1ms", strings.NewReader(body))
	answer := httptest.NewRecorder()
	hook.ServeHTTP(answer, request)
	if answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "busy") {
		t.Errorf("want it told that the webhook is busy, got %d: %s", answer.Code, answer.Body)
	}
	if len(g.visits) != largeAtOnce {
		t.Errorf("the request left something behind: %d visits", len(g.visits))
	}
}

// TestTooLargeIsNotRead: a request above the limit of the API server takes no room.
func TestTooLargeIsNotRead(t *testing.T) {
	hook := &gated{&admission.Webhook{Handler: admission.HandlerFunc(All(validation.DefaultLimits, noSettings).judge)}, newGate()}
	for name, tc := range map[string]struct {
		claimed int64
		body    io.Reader
	}{
		"Claimed": {claimed: largestRequest + 1, body: unread{t}},
		"Sent":    {claimed: -1, body: io.LimitReader(zeros{}, largestRequest+1)},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, ValidatingPath, tc.body)
			request.ContentLength = tc.claimed
			answer := httptest.NewRecorder()
			hook.ServeHTTP(answer, request)
			if answer.Code != http.StatusRequestEntityTooLarge || !strings.Contains(answer.Body.String(), "7340032") {
				t.Errorf("want it refused with the limit, got %d: %s", answer.Code, answer.Body)
			}
			if hook.gate.room != bodiesRoom {
				t.Errorf("%d bytes are held", bodiesRoom-hook.gate.room)
			}
		})
	}
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

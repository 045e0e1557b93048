package collect

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

// answer is what a server says to one request for a log.
type answer func(http.ResponseWriter, *http.Request)

// status is an answer of the API server's that is an error.
func status(code int, reason metav1.StatusReason, message string) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
			Reason: reason, Message: message, Code: int32(code),
		})
	}
}

// plain is an answer that is a log.
func plain(b []byte) answer {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b) }
}

// snapped is an answer that ends in the middle with its connection.
func snapped(b []byte, how func(net.Conn)) answer {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(b)
		_ = http.NewResponseController(w).Flush()
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		how(conn)
	}
}

func closing(c net.Conn) { _ = c.Close() }

// resetting sends a reset instead of an orderly end.
func resetting(c net.Conn) { _ = errors.Join(c.(*net.TCPConn).SetLinger(0), c.Close()) }

// TestKubernetesClient: the errors of the real client for responses of a real server have the right kind.
func TestKubernetesClient(t *testing.T) {
	cases := map[string]struct {
		reason string
		answer answer
		kind   kind
		text   string
	}{
		"Forbidden": {
			reason: "a role is missing",
			answer: status(403, "Forbidden", "no"),
			kind:   denied,
			text:   "the controller may not read the log: no",
		},
		"NotFound": {
			reason: "the pod is gone",
			answer: status(404, "NotFound", "gone"),
			kind:   absent,
			text:   "the log does not exist: gone",
		},
		"BadRequest": {
			reason: "the container has not started",
			answer: status(400, "BadRequest", "waiting to start"),
			kind:   unreachable,
			text:   "the log is unavailable: waiting to start",
		},
		"Internal": {
			reason: "the kubelet is away",
			answer: status(500, "InternalError", "dial tcp 10.0.0.2:10250: connect: connection refused"),
			kind:   unreachable,
			text:   "the log is unavailable: dial tcp 10.0.0.2:10250: connect: connection refused",
		},
		"BadGateway": {
			reason: "a proxy in between speaks",
			answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
			kind:   unreachable,
			text:   "the log is unavailable: ",
		},
		"Closed": {
			reason: "a connection ends in the middle",
			answer: snapped(whole(t)[:300], closing),
			kind:   broken,
			text:   "the connection broke while the log was read: unexpected EOF",
		},
		"Reset": {
			reason: "a connection is reset in the middle",
			answer: snapped(whole(t)[:300], resetting),
			kind:   broken,
			text:   "the connection broke while the log was read: read tcp ",
		},
		"Refused": {
			reason: "a server that takes no requests",
			answer: snapped(nil, resetting),
			kind:   broken,
			text:   "the connection broke while the log was read: read tcp ",
		},
		"Short": {
			reason: "a log that is all there is",
			answer: plain(whole(t)[:300]),
			kind:   incomplete,
			text:   "the results stream is incomplete: the log has no end record",
		},
		"Foreign": {
			reason: "a server that is no API server",
			answer: plain([]byte("<html>welcome</html>\n")),
			kind:   incomplete,
			text:   "the results stream is incomplete: the log has no end record",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, _ := ask(t, tc.answer, nil)
			var failed *ReadError
			if !errors.As(got.Err, &failed) || failed.last.kind != tc.kind || !strings.HasPrefix(got.Err.Error(), tc.text) {
				t.Errorf("%s: want kind %d, %q, got %+v", tc.reason, tc.kind, tc.text, got)
			}
			if apierrors.IsForbidden(got.Err) != (tc.kind == denied) {
				t.Errorf("%s: it is or is not forbidden: %v", tc.reason, got.Err)
			}
			if strings.Contains(got.Err.Error(), "->") {
				t.Errorf("%s: a port of this side is told, which is another each time: %v", tc.reason, got.Err)
			}
		})
	}
}

// TestKubernetesRequest: the request is for one container, whole from its beginning, and bounded.
func TestKubernetesRequest(t *testing.T) {
	got, query := ask(t, plain(nil), plain(whole(t)))
	if got.Set == nil {
		t.Fatalf("want a set, got %+v", got)
	}
	if want := "/api/v1/namespaces/ns/pods/run-pod/log?container=sidecar-results&limitBytes=16777217"; query != want {
		t.Errorf("the request is %s, not %s", query, want)
	}
}

// ask collects from a server with one response for the first request and another for all later ones, until there is a failure
// or the set. It also returns the first request.
func ask(t *testing.T, first, then answer) (Progress, string) {
	t.Helper()
	var requests atomic.Int32
	var path atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path.Store(r.URL.String())
		if requests.Add(1) == 1 || then == nil {
			first(w, r)
			return
		}
		then(w, r)
	}))
	t.Cleanup(server.Close)
	client, err := typedcorev1.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan types.NamespacedName, 1000)
	c := New(NewKubernetes(client), func(n types.NamespacedName) { woken <- n }, Options{})
	c.Watch(target(), true)
	t.Cleanup(func() { c.Forget("uid") })
	limit := time.After(30 * time.Second)
	for {
		select {
		case <-woken:
			if p := c.Progress("uid"); p.Set != nil || then == nil {
				return p, path.Load().(string)
			}
		case <-limit:
			t.Fatalf("nothing comes: %+v", c.Progress("uid"))
		}
	}
}

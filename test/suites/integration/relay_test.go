//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// call is the action of a request, in the terms of a role.
type call struct{ verb, group, resource, namespace, name string }

// what returns the call without the name of its object.
func (c call) what() string { return right{verb: c.verb, group: c.group, resource: c.resource}.words() }

// words formats a right as roles do: "patch taskruns/status.tekton.dev".
func (r right) words() string {
	if r.group == "" {
		return r.verb + " " + r.resource
	}
	return r.verb + " " + r.resource + "." + r.group
}

// callOf parses a request's path as the API server does.
func callOf(request *http.Request) (call, bool) {
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	var c call
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		c.group, parts = parts[1], parts[3:]
	default:
		return c, false // discovery, versions, health
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		c.namespace, parts = parts[1], parts[2:]
	}
	c.resource = parts[0]
	if len(parts) > 1 {
		c.name = parts[1]
	}
	if len(parts) > 2 {
		c.resource += "/" + parts[2]
	}
	switch {
	case request.URL.Query().Get("watch") == "true":
		c.verb = "watch"
	case request.Method == http.MethodGet && c.name == "":
		c.verb = "list"
	default:
		c.verb = map[string]string{"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[request.Method]
	}
	return c, true
}

// trouble is a disturbance of a request.
type trouble string

const (
	none       trouble = ""
	throttled  trouble = "429"           // with Retry-After
	broken     trouble = "500"           // without Retry-After
	overloaded trouble = "503"           // without
	hungUp     trouble = "hung up"       // before the request was sent on
	lost       trouble = "answer lost"   // after it was carried out
	retryAfter         = 2 * time.Second // the Retry-After of throttled
)

// relay is a proxy between a controller and the API server. It uses the controller's service account, so that the roles in
// config/ apply. It counts requests, and answers instead of the API server where a test needs that.
type relay struct {
	*httptest.Server
	forward *httputil.ReverseProxy

	mu sync.Mutex
	// plan returns the disturbance of the nth request (from 0) of its kind. Without a plan, all requests are passed on.
	plan func(c call, n int) trouble
	// seen counts the requests by their action, and inTrouble the disturbed ones.
	seen      map[string]int
	inTrouble int
	// refused are those that the API server answered with 403.
	refused []string
	// throttled holds the times of the last response 429, by method and address. early holds the requests that were repeated
	// too early. Only changes of one object are checked, because every run makes the general requests.
	throttled map[string]time.Time
	early     []string
	// podLogs are the logs of the pods of a namespace, which no kubelet has.
	podLogs map[string]string
}

// logs makes all pods of a namespace have this log.
func (r *relay) logs(namespace, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.podLogs[namespace] = text
}

// logOf returns the log for a request.
func (r *relay) logOf(request *http.Request) (text string, ok bool) {
	c, _ := callOf(request)
	if c.what() != "get pods/log" {
		return "", false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	text, ok = r.podLogs[c.namespace]
	return text, ok
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	host, err := url.Parse(shared.config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(shared.config)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{seen: map[string]int{}, throttled: map[string]time.Time{}, podLogs: map[string]string{}}
	r.forward = &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(host)
			p.Out.Header.Set("Impersonate-User", controller)
			p.Out.Header["Impersonate-Group"] = []string{"system:serviceaccounts", "system:serviceaccounts:" + installation, "system:authenticated"}
		},
		ModifyResponse: func(answer *http.Response) error {
			if c, ok := callOf(answer.Request); ok && answer.StatusCode == http.StatusForbidden {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.refused = append(r.refused, fmt.Sprintf("%s in %q", c.what(), c.namespace))
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *relay) serve(w http.ResponseWriter, request *http.Request) {
	if text, ok := r.logOf(request); ok {
		_, _ = io.WriteString(w, text) // an error means that the connection is gone
		return
	}
	switch what := r.judge(request); what {
	case none:
		r.forward.ServeHTTP(w, request)
	case lost:
		r.forward.ServeHTTP(httptest.NewRecorder(), request)
		panic(http.ErrAbortHandler)
	case hungUp:
		panic(http.ErrAbortHandler)
	default:
		code := map[trouble]int{throttled: 429, broken: 500, overloaded: 503}[what]
		if what == throttled {
			w.Header().Set("Retry-After", fmt.Sprint(int(retryAfter.Seconds())))
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{ // a client that does not wait for the response does not matter
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Message: "in trouble", Code: int32(code), Reason: metav1.StatusReason(map[int]string{
				429: string(metav1.StatusReasonTooManyRequests),
				500: string(metav1.StatusReasonInternalError),
				503: string(metav1.StatusReasonServiceUnavailable),
			}[code]),
		})
	}
}

// judge counts a request and returns its disturbance.
func (r *relay) judge(request *http.Request) trouble {
	c, ok := callOf(request)
	if !ok {
		return none
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.seen[c.what()]
	r.seen[c.what()]++
	where := request.Method + " " + request.URL.Path
	if since, before := r.throttled[where]; before && c.verb == "patch" && time.Since(since) < retryAfter-100*time.Millisecond {
		r.early = append(r.early, where)
	}
	delete(r.throttled, where)
	if r.plan == nil {
		return none
	}
	what := r.plan(c, n)
	if what != none {
		r.inTrouble++
	}
	if what == throttled {
		r.throttled[where] = time.Now()
	}
	return what
}

// let sets the plan for the requests from now on.
func (r *relay) let(plan func(c call, n int) trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = plan
}

// total returns the number of requests, and of those that were disturbed.
func (r *relay) total() (all, inTrouble int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.seen {
		all += n
	}
	return all, r.inTrouble
}

// calls returns the kinds of requests so far.
func (r *relay) calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for what := range r.seen {
		all = append(all, what)
	}
	slices.Sort(all)
	return all
}

// kubeconfig writes a kubeconfig for the relay.
func (r *relay) kubeconfig(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["relay"] = &clientcmdapi.Cluster{Server: r.URL}
	config.Contexts["relay"] = &clientcmdapi.Context{Cluster: "relay"}
	config.CurrentContext = "relay"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCallOf: requests are parsed as the API server parses them.
func TestCallOf(t *testing.T) {
	for address, want := range map[string]string{
		"GET /api/v1/pods?watch=true":                                              "watch pods",
		"GET /api/v1/namespaces/ns/pods":                                           "list pods",
		"GET /api/v1/namespaces/ns/pods/p/log":                                     "get pods/log",
		"PATCH /apis/tekton.dev/v1/namespaces/ns/taskruns/t/status":                "patch taskruns/status.tekton.dev",
		"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews":              "create selfsubjectaccessreviews.authorization.k8s.io",
		"PUT /apis/coordination.k8s.io/v1/namespaces/tekton-pipelines/leases/lock": "update leases.coordination.k8s.io",
	} {
		method, path, _ := strings.Cut(address, " ")
		c, ok := callOf(httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if !ok || c.what() != want {
			t.Errorf("%s: want %q, got %q", address, want, c.what())
		}
	}
	if _, ok := callOf(httptest.NewRequestWithContext(t.Context(), "GET", "/version", nil)); ok {
		t.Error("a version is not an object")
	}
}

// unusedAddress returns an address without a listener.
func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// logOf returns the end of a file.
func logOf(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-6000):])
}

package server_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui/server"
)

const (
	token  = "the-token"
	host   = "127.0.0.1:8300"
	script = "<script>alert(1)</script>"
)

func taskRun() *v1.TaskRun {
	return &v1.TaskRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "make", UID: "1"},
		Status: v1.TaskRunStatus{
			PodName:    "make-pod",
			TaskSpec:   &v1.TaskSpec{Steps: []v1.Step{{Name: "one", Image: "i"}}, DisplayName: script},
			Conditions: []metav1.Condition{{Type: v1.ConditionSucceeded, Status: metav1.ConditionTrue, Reason: script, Message: script}},
			Steps:      []v1.StepState{{Name: "one", Container: "step-one", ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}},
			Results:    []v1.TaskRunResult{{Name: "page", Value: v1.StringValue(script)}, {Name: "list", Value: v1.ArrayValue("a", "b")}},
		},
	}
}

func newServer(t *testing.T, objects ...client.Object) http.Handler {
	t.Helper()
	scheme, err := cluster.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster.Cluster{
		Namespace: "ci", Kube: kubefake.NewClientset(),
		Client: fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build(),
	}
	return server.New(server.Options{Cluster: c, Now: time.Now, Hosts: []string{host, "localhost:8300"}, Token: token})
}

// cookieOf logs in, as a browser does with the address that is printed.
func cookieOf(t *testing.T, handler http.Handler) *http.Cookie {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/?token="+token, nil)
	r.Host = host
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	cookies := w.Result().Cookies()
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/" || len(cookies) != 1 {
		t.Fatalf("want the token to become a cookie, got %d %v", w.Code, w.Header())
	}
	if c := cookies[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("want a cookie that no script reads and no other page sends, got %+v", c)
	}
	return cookies[0]
}

func get(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Host = host
	r.AddCookie(cookieOf(t, handler))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestWhoIsAnswered(t *testing.T) {
	handler := newServer(t, taskRun())
	cookie := cookieOf(t, handler)
	const result = "/api/v1/runs/ci/taskrun/make/result?name=page"
	cases := map[string]struct {
		reason string
		path   string
		change func(*http.Request)
		want   int
	}{
		"Page":      {"who has the cookie gets the page", "/", func(*http.Request) {}, http.StatusOK},
		"Result":    {"and what is on it", result, func(*http.Request) {}, http.StatusOK},
		"Localhost": {"under either name", result, func(r *http.Request) { r.Host = "localhost:8300" }, http.StatusOK},
		"OwnOrigin": {"the page's own requests say where they come from", result, func(r *http.Request) {
			r.Header.Set("Origin", "http://"+host)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
		}, http.StatusOK},
		"NoCookie":     {"another user of the machine has none", result, func(r *http.Request) { r.Header.Del("Cookie") }, http.StatusUnauthorized},
		"OtherCookie":  {"nor can one be guessed", result, func(r *http.Request) { r.Header.Set("Cookie", cookie.Name+"=x") }, http.StatusUnauthorized},
		"OtherToken":   {"nor the token", "/?token=x", func(r *http.Request) { r.Header.Del("Cookie") }, http.StatusUnauthorized},
		"Rebound":      {"a name that somebody has made to mean this machine", result, func(r *http.Request) { r.Host = "evil.example:8300" }, http.StatusForbidden},
		"OtherPort":    {"another server on this machine", result, func(r *http.Request) { r.Host = "127.0.0.1:8301" }, http.StatusForbidden},
		"ReboundToken": {"not even with the token", "/?token=" + token, func(r *http.Request) { r.Host = "evil.example" }, http.StatusForbidden},
		"OtherOrigin":  {"a script of another page", result, func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, http.StatusForbidden},
		"NullOrigin":   {"or of a page without one", result, func(r *http.Request) { r.Header.Set("Origin", "null") }, http.StatusForbidden},
		"CrossSite":    {"an image on another page", result, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"SameSite":     {"or on one of another port", result, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, http.StatusForbidden},
		"Link": {"a link leads to the page", "/", func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
		}, http.StatusOK},
		"LinkToResult": {"and nowhere else", result, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "navigate")
		}, http.StatusForbidden},
		"Post": {"nothing can be changed", "/", func(r *http.Request) { r.Method = http.MethodPost }, http.StatusMethodNotAllowed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, tc.path, nil)
			r.Host = host
			r.AddCookie(cookie)
			tc.change(r)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != tc.want {
				t.Errorf("%s: want %d, got %d %s", tc.reason, tc.want, w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), script) && tc.want != http.StatusOK {
				t.Errorf("%s: the result is shown", tc.reason)
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: want nothing allowed that is not needed, got %q", tc.reason, csp)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	handler := newServer(t, taskRun(), &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "new", UID: "2"}})
	cases := map[string]struct {
		reason   string
		path     string
		code     int
		contains string
		kind     string
	}{
		"Page":     {"the page", "/", http.StatusOK, "<title>Sluice</title>", "text/html; charset=utf-8"},
		"Script":   {"its scripts", "/app.js", http.StatusOK, "EventSource", "text/javascript; charset=utf-8"},
		"View":     {"both", "/view.js", http.StatusOK, "folded", "text/javascript; charset=utf-8"},
		"Style":    {"its look, with that of graphs", "/app.css", http.StatusOK, ".sluice-graph .box", "text/css; charset=utf-8"},
		"Run":      {"a run, without the values of its results", "/api/v1/runs/ci/taskrun/make", http.StatusOK, `"name":"page","type":"string","size":25`, "application/json"},
		"Steps":    {"with its steps", "/api/v1/runs/ci/taskrun/make", http.StatusOK, `"steps":[{"name":"one","state":"succeeded"`, "application/json"},
		"Result":   {"a result is text, whatever is in it", "/api/v1/runs/ci/taskrun/make/result?name=page", http.StatusOK, script, "text/plain; charset=utf-8"},
		"List":     {"a list is JSON, as text", "/api/v1/runs/ci/taskrun/make/result?name=list", http.StatusOK, `["a","b"]`, "text/plain; charset=utf-8"},
		"Graph":    {"an image", "/api/v1/runs/ci/taskrun/make/graph.svg", http.StatusOK, "<style>", "image/svg+xml"},
		"NoGraph":  {"of a run that has begun", "/api/v1/runs/ci/pipelinerun/new/graph.svg", http.StatusNotFound, "has not been begun", "application/json"},
		"NoResult": {"a result that there is not", "/api/v1/runs/ci/taskrun/make/result?name=x", http.StatusNotFound, `cannot find result \"x\"`, "application/json"},
		"NoRun":    {"a run that there is not", "/api/v1/runs/ci/taskrun/none", http.StatusNotFound, "not found", "application/json"},
		"NoKind":   {"a kind that there is not", "/api/v1/runs/ci/pod/none", http.StatusNotFound, `cannot read a \"pod\"`, "application/json"},
		"NoTask":   {"a task that there is not", "/api/v1/runs/ci/taskrun/make/logs?task=x", http.StatusNotFound, `cannot find task`, "application/json"},
		"NoFile":   {"a file that there is not", "/x.js", http.StatusNotFound, "", "text/plain; charset=utf-8"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := get(t, handler, tc.path)
			if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.contains) || w.Header().Get("Content-Type") != tc.kind {
				t.Errorf("%s: want %d %s with %q, got %d %s\n%s", tc.reason, tc.code, tc.kind, tc.contains, w.Code, w.Header().Get("Content-Type"), w.Body)
			}
		})
	}
	if body := get(t, handler, "/api/v1/runs/ci/taskrun/make").Body.String(); strings.Contains(body, script) {
		t.Errorf("JSON has no tags in it: %s", body)
	}
}

func TestDownload(t *testing.T) {
	w := get(t, newServer(t, taskRun()), "/api/v1/runs/ci/taskrun/make/result?name=page&download")
	if got := w.Header().Get("Content-Disposition"); got != "attachment; filename=page" || w.Body.String() != script {
		t.Errorf("want the bytes as a file, got %q %s", got, w.Body)
	}
}

// events reads a stream until an event's data holds what is wanted.
func events(t *testing.T, handler http.Handler, path, want string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = host
		handler.ServeHTTP(w, r)
	}))
	defer web.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, web.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(cookieOf(t, handler))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		text, _ := io.ReadAll(answer.Body)
		t.Fatalf("want a stream, got %s: %s", got, text)
	}
	var all strings.Builder
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		all.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "data: ") && strings.Contains(lines.Text(), want) {
			break
		}
	}
	return all.String()
}

func TestEvents(t *testing.T) {
	handler := newServer(t, taskRun(), &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "later", UID: "3"}})
	if got := events(t, handler, "/api/v1/runs/ci/taskrun/make/events", `"error":""`); !strings.Contains(got, "event: run\n") || !strings.Contains(got, "event: end\n") {
		t.Errorf("want the run, and the end once it has ended, got\n%s", got)
	}
	// The log of the fake is the same for every container.
	if got := events(t, handler, "/api/v1/runs/ci/taskrun/make/logs?task=make", `"error":""`); !strings.Contains(got, `"step":"one"`) || !strings.Contains(got, "event: end\n") {
		t.Errorf("want the lines of the log, and its end, got\n%s", got)
	}
}

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
	"github.com/sluice-ci/sluice/internal/scheme"
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
			Steps: []v1.StepState{{
				Name:           "one",
				Container:      "step-one",
				ContainerState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}},
			}},
			Results: []v1.TaskRunResult{{Name: "page", Value: v1.StringValue(script)}, {Name: "list", Value: v1.ArrayValue("a", "b")}},
			Artifacts: &v1.Artifacts{Outputs: []v1.Artifact{{
				Name: "image", Values: []v1.ArtifactValue{{URI: "<b>", Digest: map[string]string{"sha256": "01"}}},
			}}},
		},
	}
}

func newServer(t *testing.T, objects ...client.Object) http.Handler {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster.Cluster{
		Namespace: "ci", Kube: kubefake.NewClientset(),
		Client: fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).Build(),
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
		"Page": {
			reason: "who has the cookie gets the page",
			path:   "/",
			change: func(*http.Request) {},
			want:   http.StatusOK,
		},
		"Result": {
			reason: "and what is on it",
			path:   result,
			change: func(*http.Request) {},
			want:   http.StatusOK,
		},
		"Localhost": {
			reason: "under either name",
			path:   result,
			change: func(r *http.Request) { r.Host = "localhost:8300" },
			want:   http.StatusOK,
		},
		"OwnOrigin": {
			reason: "the page's own requests say where they come from",
			path:   result,
			change: func(r *http.Request) {
				r.Header.Set("Origin", "http://"+host)
				r.Header.Set("Sec-Fetch-Site", "same-origin")
			},
			want: http.StatusOK,
		},
		"NoCookie": {
			reason: "another user of the machine has none",
			path:   result,
			change: func(r *http.Request) { r.Header.Del("Cookie") },
			want:   http.StatusUnauthorized,
		},
		"OtherCookie": {
			reason: "nor can one be guessed",
			path:   result,
			change: func(r *http.Request) { r.Header.Set("Cookie", cookie.Name+"=x") },
			want:   http.StatusUnauthorized,
		},
		"OtherToken": {
			reason: "nor the token",
			path:   "/?token=x",
			change: func(r *http.Request) { r.Header.Del("Cookie") },
			want:   http.StatusUnauthorized,
		},
		"Rebound": {
			reason: "a name that somebody has made to mean this machine",
			path:   result,
			change: func(r *http.Request) { r.Host = "evil.example:8300" },
			want:   http.StatusForbidden,
		},
		"OtherPort": {
			reason: "another server on this machine",
			path:   result,
			change: func(r *http.Request) { r.Host = "127.0.0.1:8301" },
			want:   http.StatusForbidden,
		},
		"ReboundToken": {
			reason: "not even with the token",
			path:   "/?token=" + token,
			change: func(r *http.Request) { r.Host = "evil.example" },
			want:   http.StatusForbidden,
		},
		"OtherOrigin": {
			reason: "a script of another page",
			path:   result,
			change: func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
			want:   http.StatusForbidden,
		},
		"NullOrigin": {
			reason: "or of a page without one",
			path:   result,
			change: func(r *http.Request) { r.Header.Set("Origin", "null") },
			want:   http.StatusForbidden,
		},
		"CrossSite": {
			reason: "an image on another page",
			path:   result,
			change: func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			want:   http.StatusForbidden,
		},
		"SameSite": {
			reason: "or on one of another port",
			path:   result,
			change: func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
			want:   http.StatusForbidden,
		},
		"Link": {
			reason: "a link leads to the page",
			path:   "/",
			change: func(r *http.Request) {
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				r.Header.Set("Sec-Fetch-Mode", "navigate")
			},
			want: http.StatusOK,
		},
		"LinkToResult": {
			reason: "and nowhere else",
			path:   result,
			change: func(r *http.Request) {
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				r.Header.Set("Sec-Fetch-Mode", "navigate")
			},
			want: http.StatusForbidden,
		},
		"Post": {
			reason: "nothing can be changed",
			path:   "/",
			change: func(r *http.Request) { r.Method = http.MethodPost },
			want:   http.StatusMethodNotAllowed,
		},
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
		"Page": {
			reason:   "the page",
			path:     "/",
			code:     http.StatusOK,
			contains: "<title>Sluice</title>",
			kind:     "text/html; charset=utf-8",
		},
		"Script": {
			reason:   "its scripts",
			path:     "/app.js",
			code:     http.StatusOK,
			contains: "EventSource",
			kind:     "text/javascript; charset=utf-8",
		},
		"View": {
			reason:   "both",
			path:     "/view.js",
			code:     http.StatusOK,
			contains: "folded",
			kind:     "text/javascript; charset=utf-8",
		},
		"Style": {
			reason:   "its look, with that of graphs",
			path:     "/app.css",
			code:     http.StatusOK,
			contains: ".sluice-graph .box",
			kind:     "text/css; charset=utf-8",
		},
		"Run": {
			reason:   "a run, without the values of its results",
			path:     "/api/v1/runs/ci/taskrun/make",
			code:     http.StatusOK,
			contains: `"name":"page","type":"string","size":25`,
			kind:     "application/json",
		},
		"Artifacts": {
			reason:   "with its artifacts",
			path:     "/api/v1/runs/ci/taskrun/make",
			code:     http.StatusOK,
			contains: `"artifacts":[{"name":"image","use":"output","uri":"\u003cb\u003e","digests":["sha256:01"]}]`,
			kind:     "application/json",
		},
		"Steps": {
			reason:   "with its steps",
			path:     "/api/v1/runs/ci/taskrun/make",
			code:     http.StatusOK,
			contains: `"steps":[{"name":"one","state":"succeeded"`,
			kind:     "application/json",
		},
		"Result": {
			reason:   "a result is text, whatever is in it",
			path:     "/api/v1/runs/ci/taskrun/make/result?name=page",
			code:     http.StatusOK,
			contains: script,
			kind:     "text/plain; charset=utf-8",
		},
		"List": {
			reason:   "a list is JSON, as text",
			path:     "/api/v1/runs/ci/taskrun/make/result?name=list",
			code:     http.StatusOK,
			contains: `["a","b"]`,
			kind:     "text/plain; charset=utf-8",
		},
		"Graph": {
			reason:   "an image",
			path:     "/api/v1/runs/ci/taskrun/make/graph.svg",
			code:     http.StatusOK,
			contains: "<style>",
			kind:     "image/svg+xml",
		},
		"Timeline": {
			reason:   "the timeline, as an image with its styles",
			path:     "/api/v1/runs/ci/taskrun/make/timeline.svg",
			code:     http.StatusOK,
			contains: "<style>",
			kind:     "image/svg+xml",
		},
		"TimelineForPage": {
			reason:   "for the page, which has the styles, and for readers of screens",
			path:     "/api/v1/runs/ci/taskrun/make/timeline.svg?inline",
			code:     http.StatusOK,
			contains: `role="listitem" aria-label="step one: succeeded`,
			kind:     "image/svg+xml",
		},
		"TimelineOfNew": {
			reason:   "of a run that has not begun, too",
			path:     "/api/v1/runs/ci/pipelinerun/new/timeline.svg",
			code:     http.StatusOK,
			contains: "pipelinerun/new",
			kind:     "image/svg+xml",
		},
		"NoTimeline": {
			reason:   "but not of a run that there is not",
			path:     "/api/v1/runs/ci/taskrun/none/timeline.svg",
			code:     http.StatusNotFound,
			contains: "not found",
			kind:     "application/json",
		},
		"NoGraph": {
			reason:   "of a run that has begun",
			path:     "/api/v1/runs/ci/pipelinerun/new/graph.svg",
			code:     http.StatusNotFound,
			contains: "it has not started",
			kind:     "application/json",
		},
		"NoResult": {
			reason:   "a result that there is not",
			path:     "/api/v1/runs/ci/taskrun/make/result?name=x",
			code:     http.StatusNotFound,
			contains: `cannot find result \"x\"`,
			kind:     "application/json",
		},
		"NoRun": {
			reason:   "a run that there is not",
			path:     "/api/v1/runs/ci/taskrun/none",
			code:     http.StatusNotFound,
			contains: "not found",
			kind:     "application/json",
		},
		"NoKind": {
			reason:   "a kind that there is not",
			path:     "/api/v1/runs/ci/pod/none",
			code:     http.StatusNotFound,
			contains: `cannot read kind \"pod\"`,
			kind:     "application/json",
		},
		"NoTask": {
			reason:   "a task that there is not",
			path:     "/api/v1/runs/ci/taskrun/make/logs?task=x",
			code:     http.StatusNotFound,
			contains: `cannot find task`,
			kind:     "application/json",
		},
		"NoFile": {
			reason: "a file that there is not",
			path:   "/x.js",
			code:   http.StatusNotFound,
			kind:   "text/plain; charset=utf-8",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := get(t, handler, tc.path)
			if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.contains) || w.Header().Get("Content-Type") != tc.kind {
				t.Errorf("%s: want %d %s with %q, got %d %s\n%s",
					tc.reason, tc.code, tc.kind, tc.contains, w.Code, w.Header().Get("Content-Type"), w.Body)
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
	if got := events(t, handler, "/api/v1/runs/ci/taskrun/make/events", `"error":""`); !strings.Contains(got, "event: run\n") ||
		!strings.Contains(got, "event: end\n") {
		t.Errorf("want the run, and the end once it has ended, got\n%s", got)
	}
	// The log of the fake is the same for every container.
	if got := events(t, handler, "/api/v1/runs/ci/taskrun/make/logs?task=make", `"error":""`); !strings.Contains(got, `"step":"one"`) ||
		!strings.Contains(got, "event: end\n") {
		t.Errorf("want the lines of the log, and its end, got\n%s", got)
	}
}

package otlp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sluice-ci/sluice/internal/otlp"
)

func data() *trace.TracesData {
	return &trace.TracesData{ResourceSpans: []*trace.ResourceSpans{{ScopeSpans: []*trace.ScopeSpans{{
		Scope: &common.InstrumentationScope{Name: "test"}, Spans: []*trace.Span{{Name: "one"}},
	}}}}}
}

// TestSend: a collector decodes the message as a request of the protocol, and gets the credentials.
func TestSend(t *testing.T) {
	var got collector.ExportTraceServiceRequest
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" || user != "u" || password != "p" {
			t.Errorf("want a post of protobuf with credentials, got %s %v", r.Method, r.Header)
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(body, &got)
		}
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusOK)
	}))
	defer server.Close()
	rejected, err := otlp.NewClient().Send(t.Context(), otlp.Collector{URL: server.URL, User: "u", Password: "p"}, data())
	if err != nil || rejected != (otlp.Rejected{}) {
		t.Fatalf("want success, got %v, %v", rejected, err)
	}
	if name := got.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0].GetName(); name != "one" {
		t.Errorf("want span %q, got %q", "one", name)
	}
}

func TestAnswers(t *testing.T) {
	partly, err := proto.Marshal(&collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{
		RejectedSpans: 3, ErrorMessage: "too old",
	}})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason    string
		code      int
		body      string
		rejected  otlp.Rejected
		err       string
		temporary bool
		after     time.Duration
	}{
		"Accepted": {
			reason: "all is well",
			code:   http.StatusAccepted,
		},
		"Partly": {
			reason:   "the collector counts what it refuses",
			code:     http.StatusOK,
			body:     string(partly),
			rejected: otlp.Rejected{Count: 3, Message: "too old"},
		},
		"Text": {
			reason: "an answer in another format is success, as its status says",
			code:   http.StatusOK,
			body:   "ok",
		},
		"Invalid": {
			reason: "the message is wrong, and will be",
			code:   http.StatusBadRequest,
			body:   "bad\nspan",
			err:    `the collector answered with status 400 (Bad Request): "bad\nspan"`,
		},
		"Unauthorized": {
			reason: "so are the credentials",
			code:   http.StatusUnauthorized,
			err:    "status 401",
		},
		"Redirect": {
			reason: "the next host must not get the credentials",
			code:   http.StatusTemporaryRedirect,
			err:    "status 307",
		},
		"Busy": {
			reason:    "the collector has too much to do",
			code:      http.StatusTooManyRequests,
			err:       "status 429",
			temporary: true,
			after:     7 * time.Second,
		},
		"Unavailable": {
			reason:    "it starts",
			code:      http.StatusServiceUnavailable,
			err:       "status 503",
			temporary: true,
			after:     7 * time.Second,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				if tc.temporary {
					w.Header().Set("Retry-After", "7")
				}
				w.WriteHeader(tc.code)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer server.Close()
			rejected, err := otlp.NewClient().Send(t.Context(), otlp.Collector{URL: server.URL}, data())
			if rejected != tc.rejected {
				t.Errorf("%s: want %+v, got %+v", tc.reason, tc.rejected, rejected)
			}
			if (err != nil) != (tc.err != "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: want error %q, got %v", tc.reason, tc.err, err)
			}
			if otlp.Temporary(err) != tc.temporary || otlp.RetryAfter(err) != tc.after {
				t.Errorf("%s: want temporary %v after %v, got %v", tc.reason, tc.temporary, tc.after, err)
			}
		})
	}
}

// TestNoCollector: a collector that does not listen may listen later.
func TestNoCollector(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	if _, err := otlp.NewClient().Send(t.Context(), otlp.Collector{URL: url}, data()); !otlp.Temporary(err) {
		t.Errorf("want a temporary error, got %v", err)
	}
}

// TestMessageThatCannotBeEncoded: it is not sent, and will not be encoded later either.
func TestMessageThatCannotBeEncoded(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("want no request") }))
	defer server.Close()
	message := data()
	message.ResourceSpans[0].ScopeSpans[0].Scope.Name = "\xff"
	_, err := otlp.NewClient().Send(t.Context(), otlp.Collector{URL: server.URL}, message)
	if err == nil || !strings.Contains(err.Error(), "cannot encode telemetry") || otlp.Temporary(err) {
		t.Errorf("want a final error, got %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	cases := map[string]string{
		"http://collector:4318/v1/traces": "",
		"https://c.example/v1/traces":     "",
		"collector:4318":                  "want http:// or https://",
		"grpc://collector:4317":           "want http:// or https://",
		"http:///v1/traces":               "and a host",
		"http://u:secret@c/v1/traces":     "put them into a Secret",
		"http://c:x":                      "cannot parse URL",
		"":                                "want http:// or https://",
	}
	for text, want := range cases {
		err := otlp.CheckURL(text)
		if (err != nil) != (want != "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%q: want %q, got %v", text, want, err)
		}
	}
}

package cloudevents

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAddressIsConfidential: the error about a sink is shown to the users of runs, who may not know its address: it can have a token.
func TestAddressIsConfidential(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	for name, tc := range map[string]struct {
		sink string
		want string
	}{
		"Unreachable": {
			sink: closed.URL + "/hooks/hidden?token=hidden",
			want: "cannot reach the sink: ",
		},
		"Refused": {
			sink: refusing.URL + "/hooks/hidden?token=hidden",
			want: "the sink answers 404",
		},
		"Invalid": {
			sink: "http://[::1/hooks/hidden?token=hidden",
			want: "cannot send to the sink: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			failed := newSender(1).send(t.Context(), tc.sink, event{ref: refOf("TaskRun", "v1", run("build"))})
			if failed == nil || !strings.HasPrefix(failed.Error(), tc.want) || strings.Contains(failed.Error(), "hidden") {
				t.Errorf("want %q without the path and the query, got %v", tc.want, failed)
			}
		})
	}
}

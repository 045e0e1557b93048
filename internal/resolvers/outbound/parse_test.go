package outbound_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// asFailure returns the error for users, which every error of this package must be.
func asFailure(t *testing.T, err error) *resolvers.Error {
	t.Helper()
	failure, ok := errors.AsType[*resolvers.Error](err)
	if !ok {
		t.Fatalf("want an error for users, got %v", err)
	}
	return failure
}

func TestParseURL(t *testing.T) {
	cases := map[string]struct {
		reason, text, err string
	}{
		"HTTPS":    {reason: "The usual address.", text: "https://example.com/a?b=c"},
		"HTTP":     {reason: "Whether it is permitted is decided later.", text: "http://example.com/a"},
		"File":     {reason: "Files of the program are no definitions.", text: "file:///etc/passwd", err: "want an address such as"},
		"FileHost": {reason: "Nor with a host.", text: "file://host/etc/passwd", err: `its scheme is "file", want https`},
		"Relative": {reason: "A host is needed.", text: "/task.yaml", err: "want an address such as"},
		"Opaque":   {reason: "No host.", text: "https:example.com", err: "want an address such as"},
		"Login":    {reason: "Credentials belong into a Secret.", text: "https://u:p@example.com/", err: "the address holds credentials"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := outbound.ParseURL("param", tc.text)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s\nwant error with %q, got %v", tc.reason, tc.err, err)
			}
		})
	}
}

func TestCheckStatus(t *testing.T) {
	cases := map[string]struct {
		reason string
		status int
		says   string
		retry  bool
	}{
		"NotFound":  {reason: "A wrong name stays wrong.", status: http.StatusNotFound, says: "does not have it (status 404)"},
		"Forbidden": {reason: "So do wrong credentials.", status: http.StatusForbidden, says: "refuses access (status 403)"},
		"TooMany":   {reason: "A busy host answers later.", status: http.StatusTooManyRequests, says: "cannot answer now", retry: true},
		"Broken":    {reason: "A broken one is repaired.", status: http.StatusBadGateway, says: "cannot answer now", retry: true},
		"Strange":   {reason: "Another status is no definition.", status: http.StatusNoContent, says: "answered with status 204"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			failure := outbound.CheckStatus(&http.Response{StatusCode: tc.status}, "example.com")
			if failure == nil || !strings.Contains(failure.Message, tc.says) || failure.Retry != tc.retry {
				t.Errorf("%s\nwant %q and retry %t, got %v", tc.reason, tc.says, tc.retry, failure)
			}
		})
	}
}

func TestCheckInsecure(t *testing.T) {
	for text, ok := range map[string]bool{
		"git.inside": true, "git.inside:8080": true, "[fd00::1]:80": true, "": false, "http://git.inside": false, "a/b": false, "a:": false,
	} {
		if err := outbound.CheckInsecure(text); (err == nil) != ok {
			t.Errorf("%q: want ok %t, got %v", text, ok, err)
		}
	}
}

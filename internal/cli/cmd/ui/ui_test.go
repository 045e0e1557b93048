package ui_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/ui"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// TestServe: the address that is printed shows the page, and the end of the command is no failure.
func TestServe(t *testing.T) {
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	printed, out := io.Pipe()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c := &cluster.Cluster{Namespace: "ci", Client: fake.NewClientBuilder().WithScheme(known).Build()}
	o := &ui.Options{Terminal: terminal.Plain(nil, out, io.Discard), Source: cluster.Fixed{Cluster: c}, Address: "127.0.0.1"}
	done := make(chan error, 1)
	go func() { done <- o.Run(ctx) }()
	line := make([]byte, 200)
	n, err := printed.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSpace(string(line[:n])), nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther || len(answer.Cookies()) != 1 {
		t.Errorf("want the token taken, got %s", answer.Status)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("want it to end well, got %v", err)
	}
}

func TestRefused(t *testing.T) {
	cases := map[string]struct{ reason, address, want string }{
		"Remote":  {reason: "other machines see nothing unless that is meant", address: "0.0.0.0", want: "can be reached by other machines"},
		"Remote6": {reason: "by any protocol", address: "::", want: "can be reached by other machines"},
		"Name":    {reason: "a name may mean anything", address: "localhost", want: "is not an IP address"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := &ui.Options{Terminal: terminal.Plain(nil, io.Discard, io.Discard), Source: cluster.Fixed{}, Address: tc.address}
			if err := o.Run(context.Background()); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: want %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
}

package cluster

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

func TestExplain(t *testing.T) {
	resource := schema.GroupResource{Group: "tekton.dev", Resource: "taskruns"}
	refused := &url.Error{
		Op:  "Get",
		URL: "https://10.0.0.1:6443/apis?timeout=1s",
		Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")},
	}
	for name, tc := range map[string]struct {
		reason string
		err    error
		text   string
		hint   string
	}{
		"Nothing": {reason: "No error stays none."},
		"Unknown": {
			reason: "What nobody knows about is left as it is.",
			err:    errors.New("odd"),
			text:   "odd",
		},
		"Refused": {
			reason: "The server is named, without the path that was asked for.",
			err:    fmt.Errorf("cannot list: %w", refused),
			text:   "cannot reach the cluster at https://10.0.0.1:6443: connection refused",
			hint:   "kubectl cluster-info",
		},
		"No host": {
			reason: "A name that there is not is a mistake in the kubeconfig.",
			err:    &net.DNSError{Name: "nowhere"},
			text:   `cannot find the host "nowhere"`,
			hint:   "kubectl config view",
		},
		"Forbidden": {
			reason: "Who may not asks for the right.",
			err:    apierrors.NewForbidden(resource, "a", nil),
			text:   "forbidden",
			hint:   "ask the administrator of the cluster",
		},
		"Unauthorized": {
			reason: "Credentials expire.",
			err:    apierrors.NewUnauthorized("no"),
			text:   "no",
			hint:   "expired",
		},
		"No kind": {
			reason: "There may be no controller at all.",
			err:    &meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "TaskRun"}},
			text:   "does not serve",
			hint:   "sluice install",
		},
		"Hinted": {
			reason: "Who knows better has said so already.",
			err:    clierror.Hint(refused, "mine"),
			text:   "connection refused",
			hint:   "mine",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Explain(tc.err)
			if tc.err == nil {
				if got != nil {
					t.Errorf("%s got %v", tc.reason, got)
				}
				return
			}
			if !strings.Contains(got.Error(), tc.text) {
				t.Errorf("%s got %q, want it to say %q", tc.reason, got, tc.text)
			}
			if hints := strings.Join(clierror.HintsOf(got), "\n"); !strings.Contains(hints, tc.hint) || tc.hint == "" && hints != "" {
				t.Errorf("%s hints %q, want %q", tc.reason, hints, tc.hint)
			}
		})
	}
}

const twoContexts = `
apiVersion: v1
kind: Config
clusters: [{name: a, cluster: {server: "https://a.example"}}, {name: b, cluster: {server: "https://b.example"}}]
contexts: [{name: one, context: {cluster: a, namespace: first}}, {name: two, context: {cluster: b}}]
current-context: one
`

func TestConnect(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, []byte(twoContexts), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		reason    string
		flags     Flags
		host      string
		namespace string
		scope     string
		err       error
	}{
		"Current": {
			reason:    "The current context says cluster and namespace.",
			flags:     Flags{Kubeconfig: file},
			host:      "https://a.example",
			namespace: "first",
			scope:     "first",
		},
		"Namespace": {
			reason:    "-n is over the context's.",
			flags:     Flags{Kubeconfig: file, Namespace: "mine"},
			host:      "https://a.example",
			namespace: "mine",
			scope:     "mine",
		},
		"Context": {
			reason:    "--context is over the current one; without a namespace it is default.",
			flags:     Flags{Kubeconfig: file, Context: "two"},
			host:      "https://b.example",
			namespace: "default",
			scope:     "default",
		},
		"All": {
			reason:    "-A looks everywhere, and what is made is still made in one.",
			flags:     Flags{Kubeconfig: file, AllNamespaces: true},
			host:      "https://a.example",
			namespace: "first",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := tc.flags.Connect()
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Typed("x", "first"); tc.flags.Context == "" && got != "x" {
				t.Errorf("%s what is in the context's namespace needs no -n: got %q", tc.reason, got)
			}
			if got := c.Typed("x", "mine"); got != "x -n mine" {
				t.Errorf("%s what is in another does, whatever -n was this time: got %q", tc.reason, got)
			}
			if c.Config.Host != tc.host || c.Namespace != tc.namespace || c.Scope() != tc.scope {
				t.Errorf("%s got host %q, namespace %q, scope %q", tc.reason, c.Config.Host, c.Namespace, c.Scope())
			}
		})
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "nothing"))
	if _, err := (&Flags{}).Connect(); !errors.Is(err, ErrNone) {
		t.Errorf("where no cluster is configured that is told apart from all else: got %v", err)
	}
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
)

// dialWithin bounds the time in which a connection must be made.
func dialWithin(limit time.Duration) func(context.Context, string, string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: limit, KeepAlive: 30 * time.Second}
	return dialer.DialContext
}

// Explain adds hints to what a call to the cluster returned: what is usually the matter, and what to do. It returns nil
// for nil, and leaves alone what it has nothing to say about. The root command calls it for every error.
func Explain(err error) error {
	_, unreachable := errors.AsType[*net.OpError](err)
	dns, unknownHost := errors.AsType[*net.DNSError](err)
	address, _ := errors.AsType[*url.Error](err)
	switch {
	case err == nil, len(clierror.HintsOf(err)) > 0:
		return err
	case unknownHost:
		return clierror.Hint(fmt.Errorf("cannot find the host %q of the cluster: %w", dns.Name, err),
			"kubectl config view --minify shows the server that the context names")
	case unreachable && address != nil:
		return clierror.Hint(fmt.Errorf("cannot reach the cluster at %s: %w", server(address.URL), cause(err)),
			"is it up? kubectl cluster-info", "another cluster: --context NAME; kubectl config get-contexts lists them")
	case apierrors.IsForbidden(err):
		return clierror.Hint(err, "ask whoever runs the cluster for this right; kubectl auth can-i --list shows those that you have",
			"another namespace: -n NAMESPACE")
	case apierrors.IsUnauthorized(err):
		return clierror.Hint(err, "the credentials of the kubeconfig are refused; they may have expired")
	case meta.IsNoMatchError(err):
		return clierror.Hint(fmt.Errorf("the cluster does not serve what this needs: %w", err),
			"is Sluice, or another controller of tekton.dev/v1, there? sluice install, sluice doctor")
	default:
		return err
	}
}

// server is a URL without path and query.
func server(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// cause is the innermost error: what the system said.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

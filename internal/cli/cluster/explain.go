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

// dialWithin limits the time to connect.
func dialWithin(limit time.Duration) func(context.Context, string, string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: limit, KeepAlive: 30 * time.Second}
	return dialer.DialContext
}

// Explain adds hints to an error of a request to the cluster: the usual cause, and what to do. It returns nil for nil, and other
// errors unchanged. The root command calls it for every error.
func Explain(err error) error {
	_, unreachable := errors.AsType[*net.OpError](err)
	dns, unknownHost := errors.AsType[*net.DNSError](err)
	address, _ := errors.AsType[*url.Error](err)
	switch {
	case err == nil, len(clierror.HintsOf(err)) > 0:
		return err
	case unknownHost:
		return clierror.Hint(fmt.Errorf("cannot find the host %q of the cluster: %w", dns.Name, err),
			"kubectl config view --minify shows the server of the context")
	case unreachable && address != nil:
		return clierror.Hint(fmt.Errorf("cannot reach the cluster at %s: %w", server(address.URL), cause(err)),
			"check that it is running: kubectl cluster-info",
			"select another cluster: --context NAME; kubectl config get-contexts lists the contexts")
	case apierrors.IsForbidden(err):
		return clierror.Hint(err, "ask the administrator of the cluster for this right; kubectl auth can-i --list shows your rights",
			"or select another namespace: -n NAMESPACE")
	case apierrors.IsUnauthorized(err):
		return clierror.Hint(err, "the cluster rejects the credentials of the kubeconfig; they may have expired")
	case meta.IsNoMatchError(err):
		return clierror.Hint(fmt.Errorf("the cluster does not serve a kind that this command needs: %w", err),
			"install Sluice, or another controller of tekton.dev/v1: sluice install; then check it: sluice doctor")
	default:
		return err
	}
}

// server returns a URL without path and query.
func server(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	return u.Scheme + "://" + u.Host
}

// cause returns the innermost error.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

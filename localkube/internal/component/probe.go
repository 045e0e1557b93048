package component

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// probeTimeout bounds one health check. A component that needs longer is not healthy.
const probeTimeout = 5 * time.Second

// tlsProbe requests url with the client certificate of that name, and trusts servers of the authority ca. Only status 200 is
// healthy.
func tlsProbe(url string, dir state.Dir, ca, client string) Probe {
	return func(ctx context.Context) error {
		roots, err := os.ReadFile(dir.Cert(ca))
		if err != nil {
			return fmt.Errorf("cannot read authority %q: %w", ca, err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(roots)
		pair, err := tls.LoadX509KeyPair(dir.Cert(client), dir.Key(client))
		if err != nil {
			return fmt.Errorf("cannot load certificate %q: %w", client, err)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}}
		return get(ctx, transport, url)
	}
}

// httpProbe requests url without encryption.
func httpProbe(url string) Probe {
	return func(ctx context.Context) error { return get(ctx, &http.Transport{}, url) }
}

func get(ctx context.Context, transport *http.Transport, url string) error {
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot ask %q: %w", url, err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err // the error names the method and the URL
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 2048))
	if err != nil {
		return fmt.Errorf("cannot read the response of %q: %w", url, err)
	}
	return fmt.Errorf("%q responded with %s: %s", url, response.Status, strings.TrimSpace(string(body)))
}

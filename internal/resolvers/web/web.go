// Package web is the resolver "http": it reads a definition from a URL.
package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// Type is the type of the resolver.
const Type = "http"

// The params.
const (
	paramURL       = "url"
	paramUser      = "http-username"
	paramSecret    = "http-password-secret"
	paramSecretKey = "http-password-secret-key"
)

// defaultSecretKey is the key of the password in the Secret.
const defaultSecretKey = "password"

// Resolver reads definitions from URLs. It is a resolvers.Resolver.
type Resolver struct{ network *outbound.Network }

// New returns a Resolver that connects through network.
func New(network *outbound.Network) *Resolver { return &Resolver{network: network} }

// Type returns the type of the resolver.
func (*Resolver) Type() string { return Type }

// Params returns the names of its params.
func (*Resolver) Params() []string {
	return []string{paramURL, paramUser, paramSecret, paramSecretKey}
}

// login is the user and the password for basic authentication.
type login struct{ user, password string }

// Prepare checks the params and reads the password.
func (r *Resolver) Prepare(ctx context.Context, request *resolvers.Request) (*resolvers.Plan, error) {
	text, err := request.Params.Required(paramURL)
	if err != nil {
		return nil, err
	}
	address, err := outbound.ParseURL("param \""+paramURL+"\"", text)
	if err != nil {
		return nil, err
	}
	mode, err := request.Params.Cache("")
	if err != nil {
		return nil, err
	}
	credentials, err := readLogin(ctx, request)
	if err != nil {
		return nil, err
	}
	key := address.String()
	if credentials != nil {
		key += " " + fmt.Sprintf("%q", credentials.user)
	}
	return &resolvers.Plan{
		Key: key, Host: address.Host, Cache: mode,
		Fetch: func(ctx context.Context) (*resolvers.Resource, error) { return r.fetch(ctx, address, credentials) },
	}, nil
}

// readLogin returns the login, or nil without one.
func readLogin(ctx context.Context, request *resolvers.Request) (*login, error) {
	user, err := request.Params.String(paramUser)
	if err != nil {
		return nil, err
	}
	name, err := request.Params.String(paramSecret)
	if err != nil {
		return nil, err
	}
	key, err := request.Params.StringOr(paramSecretKey, defaultSecretKey)
	switch {
	case err != nil:
		return nil, err
	case user == "" && name == "" && !request.Params.Has(paramSecretKey):
		return nil, nil //nolint:nilnil // no login and no error: the URL is read without one
	case user == "" || name == "":
		return nil, resolvers.Invalid("cannot log in: params %q and %q belong together; give both, or none", paramUser, paramSecret)
	}
	secret, err := request.Secrets.Secret(ctx, name)
	if err != nil {
		return nil, err
	}
	password, ok := secret.Data[key]
	if !ok {
		return nil, resolvers.Failed(nil, "cannot log in: Secret %q has no key %q; correct param %q", name, key, paramSecretKey)
	}
	return &login{user: user, password: string(bytes.TrimRight(password, "\r\n"))}, nil
}

// fetch reads the URL.
func (r *Resolver) fetch(ctx context.Context, address *url.URL, credentials *login) (*resolvers.Resource, error) {
	limits := outbound.Limits{Bytes: resolvers.MaxContent}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return nil, resolvers.Invalid("cannot use param %q of host %q", paramURL, address.Host)
	}
	if credentials != nil {
		request.SetBasicAuth(credentials.user, credentials.password)
	}
	answer, err := r.network.Client(address, limits).Do(request)
	if err != nil {
		return nil, outbound.Explain(err, address.Host, limits)
	}
	defer answer.Body.Close()
	if failure := outbound.CheckStatus(answer, address.Host); failure != nil {
		return nil, failure
	}
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, outbound.Explain(err, address.Host, limits)
	}
	sum := sha256.Sum256(content)
	return &resolvers.Resource{
		Content: content,
		Source:  v1.RefSource{URI: address.String(), Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}},
	}, nil
}

// Package bundles is the resolver of definitions in Tekton bundles: images whose layers are definitions, one in each, with
// annotations that name it.
package bundles

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// Type is the type of the resolver's requests.
const Type = "bundles"

// The params of a reference.
const (
	paramBundle         = "bundle"
	paramName           = "name"
	paramKind           = "kind"
	paramSecret         = "secret"
	paramServiceAccount = "serviceAccount"
)

// The keys of ConfigMap bundleresolver-config.
const (
	keyServiceAccount = "default-service-account"
	keyKind           = "default-kind"
	keyCacheMode      = "default-cache-mode"
)

// Keys returns the keys of bundleresolver-config that have an effect, without fetch-timeout.
func Keys() []string { return []string{keyServiceAccount, keyKind, keyCacheMode} }

// Options are what a Resolver needs.
type Options struct {
	// Network connects to registries.
	Network *outbound.Network
	// Keychain has credentials for references without a Secret and without a service account; nil means that there are none.
	Keychain authn.Keychain
}

// Resolver answers requests of type "bundles".
type Resolver struct {
	network  *outbound.Network
	keychain authn.Keychain
	memory   *budget.Budget
}

var _ resolvers.Resolver = (*Resolver)(nil)

// New returns a Resolver.
func New(o Options) *Resolver {
	return &Resolver{network: o.Network, keychain: o.Keychain, memory: budget.New(guard.Memory)}
}

// Type implements resolvers.Resolver.
func (*Resolver) Type() string { return Type }

// Params implements resolvers.Resolver.
func (*Resolver) Params() []string {
	return []string{paramBundle, paramName, paramKind, paramSecret, paramServiceAccount}
}

// Prepare implements resolvers.Resolver.
func (r *Resolver) Prepare(ctx context.Context, request *resolvers.Request) (*resolvers.Plan, error) {
	p := request.Params
	e, err := readEntry(p, request.Settings)
	if err != nil {
		return nil, err
	}
	cache, err := p.Cache(request.Settings[keyCacheMode])
	if err != nil {
		return nil, err
	}
	reference, err := r.parse(e.bundle)
	if err != nil {
		return nil, err
	}
	known, err := credentialsOf(ctx, request)
	if err != nil {
		return nil, err
	}
	_, immutable := reference.(name.Digest)
	return &resolvers.Plan{
		Key:       strings.Join([]string{reference.Name(), e.kind, e.name}, "\n"),
		Host:      reference.Context().RegistryStr(),
		Immutable: immutable,
		Cache:     cache,
		Fetch: func(ctx context.Context) (*resolvers.Resource, error) {
			lease := r.memory.Lease()
			defer lease.End()
			return r.fetch(ctx, reference, known, e, lease)
		},
	}, nil
}

// entry names a definition in a bundle.
type entry struct{ bundle, kind, name string }

func readEntry(p resolvers.Params, settings map[string]string) (e entry, err error) {
	if e.bundle, err = p.Required(paramBundle); err != nil {
		return e, err
	}
	if e.name, err = p.Required(paramName); err != nil {
		return e, err
	}
	if e.kind, err = p.StringOr(paramKind, settings[keyKind]); err != nil {
		return e, err
	}
	if e.kind == "" {
		return e, resolvers.Invalid("cannot find param %q: give it the kind of the definition, such as task", paramKind)
	}
	e.kind = strings.ToLower(e.kind)
	return e, nil
}

// parse parses the name of an image. A registry that the administrator has permitted for HTTP may be used so.
func (r *Resolver) parse(bundle string) (name.Reference, error) {
	reference, err := name.ParseReference(bundle)
	if err != nil {
		return nil, resolvers.Invalid("cannot use param %q: it is %s, want the name of an image, such as registry.example.com/bundle:v1 or "+
			"one with a digest",
			paramBundle, shown(bundle))
	}
	if !r.plain(reference) {
		return reference, nil
	}
	if reference, err = name.ParseReference(bundle, name.Insecure); err != nil {
		return nil, resolvers.Invalid("cannot use param %q: it is %s, want the name of an image", paramBundle, shown(bundle))
	}
	return reference, nil
}

// plain reports whether the registry may be used over HTTP.
func (r *Resolver) plain(reference name.Reference) bool {
	host := reference.Context().RegistryStr()
	return r.network.Insecure().Has(host) || r.network.Insecure().Has(host+":80")
}

// credentialsOf reads the pull secrets of a request: the one it names, or those of a service account.
func credentialsOf(ctx context.Context, request *resolvers.Request) (*image.PullCredentials, error) {
	named, err := request.Params.String(paramSecret)
	if err != nil {
		return nil, err
	}
	if named != "" {
		secret, err := request.Secrets.Secret(ctx, named)
		if err != nil {
			return nil, err
		}
		return image.NewPullCredentials([]*corev1.Secret{secret}), nil
	}
	account, err := request.Params.String(paramServiceAccount)
	if err != nil {
		return nil, err
	}
	isDefault := account == ""
	if isDefault {
		account = request.Settings[keyServiceAccount]
	}
	if account == "" || account == "none" && isDefault {
		return image.NewPullCredentials(nil), nil
	}
	return credentialsOfAccount(ctx, request.Secrets, account, isDefault)
}

// credentialsOfAccount reads the pull secrets of a service account. One that is missing is a note, as in the kubelet, which
// pulls most images without a secret.
func credentialsOfAccount(ctx context.Context, secrets resolvers.Secrets, name string, isDefault bool) (*image.PullCredentials, error) {
	account, err := secrets.ServiceAccount(ctx, name)
	if err != nil {
		if isDefault && isFinal(err) {
			return noted(nil, []string{err.Error()}), nil
		}
		return nil, err
	}
	var all []*corev1.Secret
	var notes []string
	for _, one := range account.ImagePullSecrets {
		secret, err := secrets.Secret(ctx, one.Name)
		switch {
		case err == nil:
			all = append(all, secret)
		case isFinal(err):
			notes = append(notes, err.Error())
		default:
			return nil, err
		}
	}
	return noted(all, notes), nil
}

func noted(secrets []*corev1.Secret, notes []string) *image.PullCredentials {
	known := image.NewPullCredentials(secrets)
	for _, note := range notes {
		known.Note(note)
	}
	return known
}

// String returns the entry for a message.
func (e entry) String() string { return fmt.Sprintf("%s %s", shown(e.kind), shown(e.name)) }

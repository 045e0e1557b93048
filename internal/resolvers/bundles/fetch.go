package bundles

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	registryv1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolve/image"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// maxManifest is the maximum size in bytes of a bundle's manifest. It lists at most 20 layers.
const maxManifest = 256 << 10

// fetch reads a definition, with each credential for the registry in turn until one is sufficient. The error is an *Error.
func (r *Resolver) fetch(ctx context.Context, reference name.Reference, known *image.PullCredentials, e entry,
	lease *budget.Lease) (*resolvers.Resource, error) {
	repository := reference.Context()
	registry := guard.Registry{Host: repository.RegistryStr(), Plain: r.plain(reference)}
	door := guard.NewDoor(r.network.Transport(), registry, r.network.Insecure(), lease)
	var failed error
	credentials, err := r.authenticators(ctx, known, repository)
	if err != nil {
		return nil, err
	}
	for _, auth := range credentials {
		content, digest, err := read(reference, e, remote.WithContext(ctx), remote.WithTransport(door), remote.WithAuth(auth))
		if err == nil {
			return &resolvers.Resource{
				Content: content.Content,
				Source: v1.RefSource{
					URI: repository.Name(), Digest: map[string]string{digest.Algorithm: digest.Hex}, EntryPoint: e.name,
				},
				Annotations: map[string]string{
					annotationPrefix + AnnotationKind:       content.Kind,
					annotationPrefix + AnnotationName:       content.Name,
					annotationPrefix + AnnotationAPIVersion: content.APIVersion,
				},
			}, nil
		}
		if failed = err; !isDenied(err) {
			break
		}
	}
	return nil, explain(ctx, failed, reference, known.Notes())
}

// authenticators returns the credentials to try for a repository, in order.
func (r *Resolver) authenticators(ctx context.Context, known *image.PullCredentials, repository name.Repository) ([]authn.Authenticator,
	error) {
	all := known.ForRepository(repository)
	if r.keychain == nil || len(all) != 1 || all[0] != authn.Anonymous {
		return all, nil
	}
	auth, err := authn.Resolve(ctx, r.keychain, repository)
	if err != nil {
		return nil, resolvers.Failed(err, "cannot read the credentials for registry %s from the Docker configuration",
			shown(repository.RegistryStr()))
	}
	return []authn.Authenticator{auth}, nil
}

const annotationPrefix = "resolution.tekton.dev/"

// read reads a definition of a bundle, and the digest of the bundle.
func read(reference name.Reference, e entry, options ...remote.Option) (*Definition, registryv1.Hash, error) {
	bundle, err := Open(reference, options...)
	if err != nil {
		return nil, registryv1.Hash{}, err
	}
	found, err := bundle.find(e)
	if err != nil {
		return nil, registryv1.Hash{}, err
	}
	definition, err := bundle.Read(found)
	return definition, bundle.Digest, err
}

// Bundle is a bundle in a registry, whose manifest has been read and checked.
type Bundle struct {
	// Digest is that of the manifest.
	Digest registryv1.Hash
	// Entries are the definitions, in their order.
	Entries []Entry

	image registryv1.Image
}

// Open reads and checks the manifest of a bundle.
func Open(reference name.Reference, options ...remote.Option) (*Bundle, error) {
	described, err := remote.Get(reference, options...)
	if err != nil {
		return nil, err
	}
	if described.MediaType.IsIndex() {
		return nil, resolvers.Failed(nil, "cannot use image %s as a bundle: it is an index of images; give one of them by its digest",
			shown(reference.Name()))
	}
	if len(described.Manifest) > maxManifest {
		return nil, resolvers.Failed(nil, "cannot use image %s as a bundle: its manifest has %d bytes, more than the limit of %d",
			shown(reference.Name()), len(described.Manifest), maxManifest)
	}
	manifest, err := registryv1.ParseManifest(bytes.NewReader(described.Manifest))
	if err != nil {
		return nil, resolvers.Failed(err, "cannot use image %s as a bundle: its manifest is not valid", shown(reference.Name()))
	}
	entries, err := entriesOf(manifest)
	if err != nil {
		return nil, resolvers.Failed(err, "cannot use image %s as a bundle: %v", shown(reference.Name()), err)
	}
	opened, err := described.Image()
	return &Bundle{Digest: described.Digest, Entries: entries, image: opened}, err
}

// Read reads a definition. Its layer has the digest of the manifest.
func (b *Bundle) Read(e Entry) (*Definition, error) {
	layer, err := b.image.LayerByDigest(e.digest)
	if err != nil {
		return nil, err
	}
	from, err := layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer func() { _ = from.Close() }()
	compressed, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	content, err := unpack(compressed)
	if err != nil {
		return nil, resolvers.Failed(err, "cannot read %s %s of the bundle: %v", shown(e.Kind), shown(e.Name), err)
	}
	return &Definition{Entry: e, Content: content}, nil
}

// isDenied reports whether a registry refuses access.
func isDenied(err error) bool {
	answer, ok := errors.AsType[*transport.Error](err)
	return ok && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden)
}

// isFinal reports whether a retry cannot help.
func isFinal(err error) bool {
	final, ok := errors.AsType[*resolvers.Error](err)
	return ok && !final.Retry
}

// explain returns the error for users. Answers of a registry are not repeated.
func explain(ctx context.Context, err error, reference name.Reference, notes string) *resolvers.Error {
	registry, called := reference.Context().RegistryStr(), shown(reference.Name())
	if already, ok := errors.AsType[*resolvers.Error](err); ok {
		return already
	}
	answer, isAnswer := errors.AsType[*transport.Error](err)
	switch {
	case ctx.Err() != nil:
		return resolvers.Unavailable(err, "cannot read bundle %s: registry %s did not answer in time", called, shown(registry))
	case errors.Is(err, guard.ErrTooLarge), errors.Is(err, guard.ErrTooMuch):
		return resolvers.Failed(err, "cannot read bundle %s: a part of it has more than %d bytes, the limit", called, guard.MaxAnswer)
	case errors.Is(err, guard.ErrBusy):
		return resolvers.Unavailable(err, "cannot read bundle %s now: other bundles use the memory for it", called)
	case isDenied(err):
		return resolvers.Failed(err, "cannot read bundle %s: registry %s refuses access; name a pull secret in param %q, or correct the name%s",
			called, shown(registry), paramSecret, notes)
	case isAnswer && answer.StatusCode == http.StatusNotFound:
		return resolvers.Failed(err, "cannot find bundle %s: registry %s does not have it; correct param %q", called, shown(registry),
			paramBundle)
	case isAnswer && answer.StatusCode < http.StatusInternalServerError && answer.StatusCode != http.StatusTooManyRequests:
		return resolvers.Failed(err, "cannot read bundle %s: registry %s answers with status %d", called, shown(registry), answer.StatusCode)
	default:
		return outbound.Explain(err, registry, outbound.Limits{Bytes: guard.MaxAnswer})
	}
}

// maxShown is the maximum number of bytes of a value in a message.
const maxShown = 260

// shown returns a user's text, quoted, for a message.
func shown(text string) string { return strconv.Quote(truncate.Text(text, maxShown)) }

// find returns the entry with a kind and a name.
func (b *Bundle) find(e entry) (Entry, error) {
	for _, one := range b.Entries {
		if one.Kind == e.kind && one.Name == e.name {
			return one, nil
		}
	}
	return Entry{}, resolvers.Failed(nil, "cannot find %s in bundle %s: it has %s", e, shown(e.bundle), listed(b.Entries))
}

// listed lists entries for a message.
func listed(entries []Entry) string {
	if len(entries) == 0 {
		return "no definitions"
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Kind + " " + shown(e.Name)
	}
	return truncate.Counted(strings.Join(names, ", "), 1024)
}

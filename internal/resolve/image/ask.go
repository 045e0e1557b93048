package image

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

// ask looks up the image in one registry, with each credential for it in turn until one is sufficient.
func (l *Lookup) ask(ctx context.Context, s source, known *credentials, pull Pull) (found Entrypoint, said reply, err error) {
	memory := l.memory.Lease()
	defer memory.End()
	door := guard.NewDoor(l.transport, guard.Registry{Host: s.repository.RegistryStr(), Plain: s.plain}, l.named, memory)
	err = errors.New("there are no credentials to try") // never returned: anonymous access is always tried
	for _, as := range known.forRepository(s.repository) {
		found, err = l.askAs(ctx, s, as, door, pull)
		if err == nil {
			return found, reply{}, nil
		}
		if said = classify(err, door, s.repository.RegistryStr()); said.kind != denied {
			break
		}
	}
	return Entrypoint{}, said, err
}

// asking is one lookup in one registry with one credential.
type asking struct {
	lookup *Lookup
	source source
	client *http.Client
	// scope is the namespace of the credentials, or empty for anonymous access.
	scope string
	pull  Pull
}

func (l *Lookup) askAs(ctx context.Context, s source, as authn.Authenticator, door *guard.Door, pull Pull) (Entrypoint, error) {
	a := &asking{lookup: l, source: s, pull: pull}
	if as != authn.Anonymous {
		a.scope = pull.Namespace
	}
	if digest, ok := s.reference.(name.Digest); ok {
		// A cached manifest needs no request, not even the first one to the API of the registry.
		if found, ok, err := a.remembered(digest); ok {
			return found, err
		}
	}
	through, err := transport.NewWithContext(ctx, s.repository.Registry, as, s.through(door),
		[]string{s.repository.Scope(transport.PullScope)})
	if err != nil {
		return Entrypoint{}, err
	}
	a.client = &http.Client{Transport: through}
	digest, err := a.digest(ctx)
	if err != nil {
		return Entrypoint{}, err
	}
	return a.entrypoint(ctx, digest)
}

// remembered returns the answer from the cache. It returns false if a part of it is missing.
func (a *asking) remembered(reference name.Digest) (found Entrypoint, ok bool, err error) {
	digest, err := v1.NewHash(reference.DigestStr())
	if err != nil {
		return Entrypoint{}, true, &unusableError{why: "has a digest of a kind that is not supported", do: "use a SHA-256 digest"}
	}
	found, err = a.entrypoint(context.Background(), digest)
	return found, !errors.Is(err, errNotRemembered), err
}

// errNotRemembered means that a manifest must be fetched, and that there is no client yet.
var errNotRemembered = errors.New("not remembered")

// entrypoint returns the command of the image with this digest.
func (a *asking) entrypoint(ctx context.Context, digest v1.Hash) (Entrypoint, error) {
	top, err := a.manifest(ctx, digest)
	if err != nil {
		return Entrypoint{}, err
	}
	if top.index {
		if top, err = a.common(ctx, top.images); err != nil {
			return Entrypoint{}, err
		}
	}
	called := a.source.registry + "/" + a.source.asked.RepositoryStr() + "@" + digest.String()
	return Entrypoint{Image: called, Entrypoint: top.entrypoint, Cmd: top.cmd}, nil
}

// common returns the command of the images of an index for the architectures. It must be the same for all.
func (a *asking) common(ctx context.Context, images []variant) (manifest, error) {
	images, err := choose(images, a.pull.Architectures)
	if err != nil {
		return manifest{}, err
	}
	first, err := a.manifest(ctx, images[0].digest)
	for _, other := range images[1:] {
		if err != nil {
			break
		}
		var m manifest
		if m, err = a.manifest(ctx, other.digest); err == nil {
			err = agree(images[0], other, first, m)
		}
	}
	return first, err
}

// manifest returns a manifest from the cache, or fetches it. A manifest that was fetched with the credentials of a namespace
// is cached only for that namespace.
func (a *asking) manifest(ctx context.Context, digest v1.Hash) (manifest, error) {
	where := a.source.repository.Name()
	for _, scope := range []string{a.pull.Namespace, ""} {
		if m, ok := a.lookup.manifests.get(cacheKey{scope, where, digest}); ok {
			return m, nil
		}
	}
	if a.client == nil {
		return manifest{}, errNotRemembered
	}
	m, err := a.fetch(ctx, digest)
	if err == nil {
		a.lookup.manifests.add(cacheKey{a.scope, where, digest}, m)
	}
	return m, err
}

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

// ask looks the image up in one registry, with each credential for it in turn until one is good enough.
func (l *Lookup) ask(ctx context.Context, s source, known *credentials, pull Pull) (found Entrypoint, said reply, err error) {
	memory := l.memory.Lease()
	defer memory.End()
	door := guard.NewDoor(l.transport, guard.Registry{Host: s.repository.RegistryStr(), Plain: s.plain}, l.named, memory)
	err = errors.New("there is no way to ask") // there always is one, at least without credentials
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

// asking is one lookup at one registry as one user.
type asking struct {
	lookup *Lookup
	source source
	client *http.Client
	// scope is whose credentials are used: a namespace, or nobody's.
	scope string
	pull  Pull
}

func (l *Lookup) askAs(ctx context.Context, s source, as authn.Authenticator, door *guard.Door, pull Pull) (Entrypoint, error) {
	a := &asking{lookup: l, source: s, pull: pull}
	if as != authn.Anonymous {
		a.scope = pull.Namespace
	}
	if digest, ok := s.reference.(name.Digest); ok {
		// What is remembered needs no request, not even the registry's greeting.
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

// remembered answers from what is remembered; ok is false if not all of it is.
func (a *asking) remembered(reference name.Digest) (found Entrypoint, ok bool, err error) {
	digest, err := v1.NewHash(reference.DigestStr())
	if err != nil {
		return Entrypoint{}, true, &unusableError{why: "has a digest of a kind that is not supported", do: "use a SHA-256 digest"}
	}
	found, err = a.entrypoint(context.Background(), digest)
	return found, !errors.Is(err, errNotRemembered), err
}

// errNotRemembered says that a manifest has to be fetched, and that there is no client yet.
var errNotRemembered = errors.New("not remembered")

// entrypoint returns what the image of a digest runs.
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

// common returns what the images of an index for the architectures run, which must be the same for all.
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

// manifest returns what is remembered of a manifest, or fetches it. What was fetched with a namespace's credentials answers
// that namespace only.
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

package image

import (
	"context"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// ask looks the image up in one registry, with each credential for it in turn until one is good enough.
func (l *Lookup) ask(ctx context.Context, s source, known *credentials, architectures []string) (Entrypoint, error) {
	var found Entrypoint
	err := errors.New("there is nobody to ask as") // as always somebody is, at least anybody
	for _, as := range known.forRepository(s.repository) {
		if found, err = l.askAs(ctx, s, as, architectures); err == nil || classify(err).kind != denied {
			break
		}
	}
	return found, err
}

func (l *Lookup) askAs(ctx context.Context, s source, as authn.Authenticator, architectures []string) (Entrypoint, error) {
	puller, err := remote.NewPuller(
		remote.WithAuth(as),
		remote.WithTransport(s.through(l.transport)),
		// Whoever asks tries again, later and without keeping a worker waiting.
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}),
		remote.WithRetryPredicate(func(error) bool { return false }),
		remote.WithRetryStatusCodes(),
	)
	if err != nil {
		return Entrypoint{}, err
	}
	digest, err := s.digest(ctx, puller)
	if err != nil {
		return Entrypoint{}, err
	}
	top, err := l.manifest(ctx, puller, s.repository, digest)
	if err != nil {
		return Entrypoint{}, err
	}
	if top.index {
		if top, err = l.common(ctx, puller, s.repository, top.images, architectures); err != nil {
			return Entrypoint{}, err
		}
	}
	return Entrypoint{Image: s.registry + "/" + s.asked.RepositoryStr() + "@" + digest.String(), Entrypoint: top.entrypoint, Cmd: top.cmd}, nil
}

// common returns what the images of an index for the architectures run, which must be the same for all.
func (l *Lookup) common(ctx context.Context, puller *remote.Puller, repository name.Repository, images []variant, architectures []string) (manifest, error) {
	images, err := choose(images, architectures)
	if err != nil {
		return manifest{}, err
	}
	first, err := l.manifest(ctx, puller, repository, images[0].digest)
	for _, other := range images[1:] {
		if err != nil {
			break
		}
		var m manifest
		if m, err = l.manifest(ctx, puller, repository, other.digest); err == nil {
			err = agree(images[0], other, first, m)
		}
	}
	return first, err
}

// digest returns the digest that the source's reference means now.
func (s source) digest(ctx context.Context, puller *remote.Puller) (v1.Hash, error) {
	if digest, ok := s.reference.(name.Digest); ok {
		return v1.NewHash(digest.DigestStr())
	}
	found, err := puller.Head(ctx, s.reference)
	var answer *transport.Error
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusMethodNotAllowed || answer.StatusCode == http.StatusNotImplemented) {
		var whole *remote.Descriptor
		if whole, err = puller.Get(ctx, s.reference); err == nil {
			found = &whole.Descriptor
		}
	}
	if err != nil {
		return v1.Hash{}, err
	}
	return found.Digest, nil
}

// manifest returns what is remembered of a manifest, or fetches it.
func (l *Lookup) manifest(ctx context.Context, puller *remote.Puller, repository name.Repository, digest v1.Hash) (manifest, error) {
	if known, ok := l.manifests.Get(digest); ok {
		if m, ok := known.(manifest); ok {
			return m, nil
		}
	}
	m, err := fetch(ctx, puller, repository.Digest(digest.String()))
	if err == nil {
		l.manifests.Add(digest, m)
	}
	return m, err
}

func fetch(ctx context.Context, puller *remote.Puller, reference name.Digest) (manifest, error) {
	whole, err := puller.Get(ctx, reference)
	if err != nil {
		return manifest{}, err
	}
	index, ok := isIndex(whole.MediaType)
	if !ok {
		return manifest{}, &unusableError{why: "is no container image, or one of a format that is not supported any more", do: giveCommand}
	}
	if index {
		list, err := whole.ImageIndex()
		if err != nil {
			return manifest{}, err
		}
		content, err := list.IndexManifest()
		if err != nil {
			return manifest{}, err
		}
		return parseIndex(content)
	}
	image, err := whole.Image()
	if err != nil {
		return manifest{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return manifest{}, err
	}
	return parseImage(config)
}

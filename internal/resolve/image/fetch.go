package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

// digest returns the present digest of the source's reference.
func (a *asking) digest(ctx context.Context) (v1.Hash, error) {
	if digest, ok := a.source.reference.(name.Digest); ok {
		return v1.NewHash(digest.DigestStr())
	}
	tag := a.source.reference.Identifier()
	header, _, err := a.request(ctx, http.MethodHead, "manifests", tag)
	var answer *transport.Error
	unable := errors.As(err, &answer) && (answer.StatusCode == http.StatusMethodNotAllowed || answer.StatusCode == http.StatusNotImplemented)
	if err != nil && !unable {
		return v1.Hash{}, err
	}
	if digest, err := v1.NewHash(header.Get("Docker-Content-Digest")); err == nil {
		return digest, nil
	}
	_, content, err := a.request(ctx, http.MethodGet, "manifests", tag)
	if err != nil {
		return v1.Hash{}, err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(content))
	return digest, err
}

// fetch reads a manifest and, for an image, its configuration. Both must have the requested digests.
func (a *asking) fetch(ctx context.Context, digest v1.Hash) (manifest, error) {
	header, content, err := a.verified(ctx, "manifests", digest)
	if err != nil {
		return manifest{}, err
	}
	document, err := parseDocument(content)
	if err != nil {
		return manifest{}, err
	}
	mediaType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	index, ok := isIndex(types.MediaType(mediaType))
	if !ok {
		index, ok = isIndex(document.MediaType)
	}
	switch {
	case !ok:
		return manifest{}, &unusableError{why: "is not a container image, or has a format that is not supported any more", do: giveCommand}
	case index:
		return parseIndex(document.Manifests)
	case document.Config.Digest == (v1.Hash{}):
		return manifest{}, &unusableError{why: "has a manifest without a configuration", do: giveCommand}
	}
	_, content, err = a.verified(ctx, "blobs", document.Config.Digest)
	if err != nil {
		return manifest{}, err
	}
	return parseImage(content)
}

// verified reads content with a digest, and refuses any other content.
func (a *asking) verified(ctx context.Context, kind string, digest v1.Hash) (http.Header, []byte, error) {
	hasher, err := v1.Hasher(digest.Algorithm)
	if err != nil {
		return nil, nil, &unusableError{why: "has a digest of a kind that is not supported", do: giveCommand}
	}
	header, content, err := a.request(ctx, http.MethodGet, kind, digest.String())
	if err != nil {
		return nil, nil, err
	}
	if _, err = hasher.Write(content); err != nil {
		return nil, nil, err
	}
	if got := hasher.Sum(nil); !bytes.Equal(got, decoded(digest)) {
		return nil, nil, &unusableError{
			why: "has content with another digest than its registry reports",
			do:  "push it again, or " + giveCommand,
		}
	}
	return header, content, nil
}

// request requests a manifest or a blob of the repository.
func (a *asking) request(ctx context.Context, method, kind, identifier string) (http.Header, []byte, error) {
	scheme := "https"
	if a.source.plain {
		scheme = "http"
	}
	u := url.URL{
		Scheme: scheme,
		Host:   a.source.repository.RegistryStr(),
		Path:   "/v2/" + a.source.repository.RepositoryStr() + "/" + kind + "/" + identifier,
	}
	request, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	if kind == "manifests" {
		request.Header.Set("Accept", strings.Join(accepted(), ","))
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if err := transport.CheckError(answer, http.StatusOK); err != nil {
		return answer.Header, nil, err
	}
	content, err := io.ReadAll(answer.Body)
	switch {
	case errors.Is(err, guard.ErrTooLarge):
		err = &unusableError{why: "has a manifest or a configuration of more than 4 MiB, the limit", do: giveCommand}
	case errors.Is(err, guard.ErrTooMuch):
		err = tooMuch()
	}
	return answer.Header, content, err
}

func tooMuch() error {
	return &unusableError{why: "needs more than 256 requests or 32 MiB to look up, the limits", do: giveCommand}
}

// accepted returns the supported types of manifests.
func accepted() []string {
	return []string{
		string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2),
	}
}

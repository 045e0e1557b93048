package hub

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// maxResponse is the maximum number of bytes of both responses of a hub: the list of versions, and the package with its
// description. All slots together must have room for their responses.
const maxResponse = 3 << 20

// shelf is the place of a definition in one hub.
type shelf struct {
	client *http.Client
	hub    *url.URL
	wanted wanted
	limits outbound.Limits
}

func newShelf(network *outbound.Network, hub *url.URL, w wanted) *shelf {
	limits := outbound.Limits{Bytes: maxResponse}
	return &shelf{client: network.Client(hub, limits), hub: hub, wanted: w, limits: limits}
}

// read returns the definition, and its address. The content is empty if the hub does not have it.
func (s *shelf) read(ctx context.Context) (content, at string, err error) {
	version, err := s.version(ctx)
	if err != nil || version == "" {
		return "", "", err
	}
	var answer struct {
		Data struct {
			ManifestRaw string `json:"manifestRaw"`
			YAML        string `json:"yaml"`
		} `json:"data"`
	}
	address := s.address(version, "yaml")
	found, err := s.get(ctx, address, &answer)
	if err != nil || !found {
		return "", "", err
	}
	content = answer.Data.ManifestRaw
	if s.wanted.hub == typeTekton {
		content = answer.Data.YAML
	}
	if content == "" {
		return "", "", resolvers.Failed(nil, "cannot use the answer of hub %q: it has no manifest of %s %q",
			s.hub.Host, s.wanted.kind, s.wanted.name)
	}
	return content, address.String(), nil
}

// address returns the address of the package, or with a version that of the definition.
func (s *shelf) address(version ...string) *url.URL {
	w := s.wanted
	if w.hub == typeTekton {
		return s.hub.JoinPath(append([]string{"v1", "resource", w.catalog, w.kind, w.name}, version...)...)
	}
	path := []string{"api", "v1", "packages", "tekton-" + w.kind, w.catalog, w.name}
	if len(version) > 0 {
		path = append(path, version[0])
	}
	return s.hub.JoinPath(path...)
}

// version returns the version to read: the exact one, or the highest one that satisfies the constraint. It returns "" if the hub
// has none.
func (s *shelf) version(ctx context.Context) (string, error) {
	v := s.wanted.version
	switch {
	case v.exact != nil && s.wanted.hub == typeTekton:
		return v.short(), nil
	case v.exact != nil:
		return v.full(), nil
	}
	type versions []struct {
		Version string `json:"version"`
	}
	var answer struct {
		Available versions `json:"available_versions"`
		Data      struct {
			Versions versions `json:"versions"`
		} `json:"data"`
	}
	if found, err := s.get(ctx, s.address(), &answer); err != nil || !found {
		return "", err
	}
	listed := answer.Available
	if s.wanted.hub == typeTekton {
		listed = answer.Data.Versions
	}
	if len(listed) > maxVersions {
		return "", resolvers.Failed(nil, "cannot use the answer of hub %q: it lists %d versions of %s %q, more than the limit of %d",
			s.hub.Host, len(listed), s.wanted.kind, s.wanted.name, maxVersions)
	}
	texts := make([]string, len(listed))
	for i, one := range listed {
		texts[i] = one.Version
	}
	highest := v.highest(texts)
	if highest != "" && !segment().MatchString(highest) {
		return "", resolvers.Failed(nil,
			"cannot use the answer of hub %q: it lists a version with other characters than a version has", s.hub.Host)
	}
	return highest, nil
}

// get reads JSON. It returns false if the hub does not have it.
func (s *shelf) get(ctx context.Context, address *url.URL, into any) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return false, resolvers.Invalid("cannot use the address of hub %q", s.hub.Host)
	}
	request.Header.Set("Accept", "application/json")
	answer, err := s.client.Do(request)
	if err != nil {
		return false, outbound.Explain(err, s.hub.Host, s.limits)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return false, nil
	}
	if failure := outbound.CheckStatus(answer, s.hub.Host); failure != nil {
		return false, failure
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, outbound.Explain(err, s.hub.Host, s.limits)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return false, resolvers.Failed(errors.Join(errNotJSON, err),
			"cannot use the answer of hub %q: it is not the answer of a hub", s.hub.Host)
	}
	return true, nil
}

var errNotJSON = errors.New("the answer is not JSON of the expected form")

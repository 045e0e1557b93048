// Package hub is the resolver "hub": it reads a definition from Artifact Hub, or from a hub with the API of Tekton Hub.
package hub

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// Type is the type of the resolver.
const Type = "hub"

// The params.
const (
	paramCatalog = "catalog"
	paramType    = "type"
	paramKind    = "kind"
	paramName    = "name"
	paramVersion = "version"
	paramURL     = "url"
)

// The keys of ConfigMap hubresolver-config.
const (
	keyTektonCatalog   = "default-tekton-hub-catalog"
	keyTaskCatalog     = "default-artifact-hub-task-catalog"
	keyPipelineCatalog = "default-artifact-hub-pipeline-catalog"
	keyKind            = "default-kind"
	keyType            = "default-type"
	keyArtifactURLs    = "artifact-hub-urls"
	keyTektonURLs      = "tekton-hub-urls"
)

// The values of the param "type".
const (
	typeArtifact = "artifact"
	typeTekton   = "tekton"
)

// The values of the param "kind".
const (
	kindTask       = "task"
	kindPipeline   = "pipeline"
	kindStepAction = "stepaction"
)

// defaultURL is the hub of type artifact without a setting. There is no public hub of type tekton any more.
const defaultURL = "https://artifacthub.io"

// maxHubs is the maximum number of hubs in a setting.
const maxHubs = 8

// Keys returns the keys of ConfigMap hubresolver-config that have an effect.
func Keys() []string {
	return []string{keyTektonCatalog, keyTaskCatalog, keyPipelineCatalog, keyKind, keyType, keyArtifactURLs, keyTektonURLs}
}

// Resolver reads definitions from hubs. It is a resolvers.Resolver.
type Resolver struct{ network *outbound.Network }

// New returns a Resolver that connects through network.
func New(network *outbound.Network) *Resolver { return &Resolver{network: network} }

// Type returns the type of the resolver.
func (*Resolver) Type() string { return Type }

// Params returns the names of its params.
func (*Resolver) Params() []string {
	return []string{paramCatalog, paramType, paramKind, paramName, paramVersion, paramURL}
}

// wanted is the definition that a request names.
type wanted struct {
	hub                 string
	catalog, kind, name string
	version             version
}

// Prepare checks the params.
func (r *Resolver) Prepare(_ context.Context, request *resolvers.Request) (*resolvers.Plan, error) {
	w, hubs, err := parse(request)
	if err != nil {
		return nil, err
	}
	mode, err := request.Params.Cache("")
	if err != nil {
		return nil, err
	}
	return &resolvers.Plan{
		Key:   fmt.Sprintf("%q %q %q %q %q %q", w.hub, w.catalog, w.kind, w.name, w.version.text, hubs),
		Host:  hubs[0].Host,
		Cache: mode,
		Fetch: func(ctx context.Context) (*resolvers.Resource, error) { return r.fetch(ctx, w, hubs) },
	}, nil
}

// parse returns what a request names, and the hubs to read it from, in order.
func parse(request *resolvers.Request) (w wanted, hubs []*url.URL, err error) {
	params, settings := request.Params, request.Settings
	if w.hub, err = params.OneOf(paramType, cmp.Or(settings[keyType], typeArtifact), typeArtifact, typeTekton); err != nil {
		return w, nil, err
	}
	if w.kind, err = params.OneOf(paramKind, cmp.Or(settings[keyKind], kindTask), kindTask, kindPipeline, kindStepAction); err != nil {
		return w, nil, err
	}
	if w.name, err = params.Required(paramName); err != nil {
		return w, nil, err
	}
	if w.catalog, err = params.StringOr(paramCatalog, catalogOf(settings, w.hub, w.kind)); err != nil {
		return w, nil, err
	}
	for param, value := range map[string]string{paramName: w.name, paramCatalog: w.catalog} {
		if !segment().MatchString(value) {
			return w, nil, resolvers.Invalid("cannot use param %q: it may have letters, digits, '-', '_' and '.', at most 253, and begins "+
				"with a letter or digit", param)
		}
	}
	text, err := params.Required(paramVersion)
	if err != nil {
		return w, nil, err
	}
	if w.version, err = parseVersion(text); err != nil {
		return w, nil, err
	}
	hubs, err = hubsOf(request, w.hub)
	return w, hubs, err
}

// segment matches a part of a path that is no other path.
func segment() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9_.]{0,252}$`) }

// catalogOf returns the catalog of a request without one.
func catalogOf(settings map[string]string, hub, kind string) string {
	switch {
	case hub == typeTekton:
		return cmp.Or(settings[keyTektonCatalog], "Tekton")
	case kind == kindPipeline:
		return cmp.Or(settings[keyPipelineCatalog], "tekton-catalog-pipelines")
	case kind == kindStepAction:
		return "tekton-catalog-stepactions"
	default:
		return cmp.Or(settings[keyTaskCatalog], "tekton-catalog-tasks")
	}
}

// hubsOf returns the addresses of the hubs: the param, or those of the settings.
func hubsOf(request *resolvers.Request, hub string) ([]*url.URL, error) {
	own, err := request.Params.String(paramURL)
	if err != nil {
		return nil, err
	}
	key, otherwise := keyArtifactURLs, defaultURL
	if hub == typeTekton {
		key, otherwise = keyTektonURLs, ""
	}
	what, texts := "setting "+key, list(cmp.Or(request.Settings[key], otherwise))
	if own != "" {
		what, texts = "param \""+paramURL+"\"", []string{own}
	}
	switch {
	case len(texts) == 0:
		return nil, resolvers.Invalid("cannot find a hub of type %q: give param %q, or set %s of ConfigMap hubresolver-config",
			hub, paramURL, key)
	case len(texts) > maxHubs:
		return nil, resolvers.Invalid("cannot use setting %s: it has %d addresses, more than the limit of %d", key, len(texts), maxHubs)
	}
	var hubs []*url.URL
	for _, text := range texts {
		address, err := outbound.ParseURL(what, text)
		if err != nil {
			return nil, err
		}
		hubs = append(hubs, address)
	}
	return hubs, nil
}

// list returns the entries of a setting: one in a line, with or without "- " before it, or separated by commas.
func list(text string) []string {
	var all []string
	for one := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\n' || c == ',' }) {
		if one = strings.Trim(strings.TrimPrefix(strings.TrimSpace(one), "- "), ` "'`); one != "" {
			all = append(all, one)
		}
	}
	return all
}

// fetch reads the definition from the first hub that has it. If a hub does not answer, the next one is not asked: it may have
// another definition with this name.
func (r *Resolver) fetch(ctx context.Context, w wanted, hubs []*url.URL) (*resolvers.Resource, error) {
	for _, address := range hubs {
		s := newShelf(r.network, address, w)
		content, at, err := s.read(ctx)
		if err != nil {
			return nil, err
		}
		if content == "" {
			continue
		}
		sum := sha256.Sum256([]byte(content))
		return &resolvers.Resource{
			Content: []byte(content),
			Source:  v1.RefSource{URI: at, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}},
		}, nil
	}
	return nil, resolvers.Failed(nil, "no hub has version %q of %s %q in catalog %q; correct the params",
		w.version.text, w.kind, w.name, w.catalog)
}

package image

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// AnyRegistry means every registry in a Mirror.
const AnyRegistry = "*"

// Mirror is tried for images of a registry before that registry itself, as containerd does with the mirrors of its
// hosts.toml: with the image's name, and its registry in the parameter ns.
type Mirror struct {
	// Registry is the host in the names of the images, with the port if it has one; or AnyRegistry.
	Registry string
	// URL has the mirror's scheme, http or https, and its host. Its path is a prefix of image names.
	URL *url.URL
}

// ParseMirror parses REGISTRY=URL, such as docker.io=https://mirror.example.com or *=http://10.0.0.1:5000.
func ParseMirror(text string) (Mirror, error) {
	registry, address, ok := strings.Cut(text, "=")
	if !ok || registry == "" {
		return Mirror{}, fmt.Errorf("cannot use mirror %q: want REGISTRY=URL, such as docker.io=https://mirror.example.com", text)
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return Mirror{}, fmt.Errorf("cannot use mirror %q: %q is not a URL with http:// or https://", text, address)
	}
	if registry != AnyRegistry {
		if _, err := name.NewRegistry(registry); err != nil {
			return Mirror{}, fmt.Errorf("cannot use mirror %q: %q is not the name of a registry", text, registry)
		}
	}
	return Mirror{Registry: registry, URL: u}, nil
}

// CheckRegistry returns an error unless host is the name of a registry: a host, with its port if it has one.
func CheckRegistry(host string) error {
	if _, err := name.NewRegistry(host); err != nil || host == "" {
		return fmt.Errorf("cannot use registry %q: want HOST or HOST:PORT", host)
	}
	return nil
}

// source is a registry for a lookup.
type source struct {
	// asked is the repository in the image's name, and registry the name of its registry as users write it.
	asked    name.Repository
	registry string
	// repository and reference are those of the requests.
	repository name.Repository
	reference  name.Reference
	// mirror reports that it is a mirror of the registry, and plain that HTTP is used.
	mirror, plain bool
}

// sources returns the registries for an image, in order: its mirrors, and the registry in its name.
func (l *Lookup) sources(ref name.Reference) []source {
	own := source{asked: ref.Context(), registry: spoken(ref.Context().Registry), repository: ref.Context(), reference: ref}
	if l.insecure[own.registry] {
		own = own.insecurely()
	}
	var all []source
	for _, m := range l.mirrors {
		if m.Registry != AnyRegistry && m.Registry != own.registry {
			continue
		}
		if s, ok := m.source(own); ok {
			all = append(all, s)
		}
	}
	return append(all, own)
}

// insecurely returns the source with HTTP.
func (s source) insecurely() source {
	repository, err := name.NewRepository(s.repository.Name(), name.Insecure)
	if err != nil {
		return s // it has been parsed before
	}
	s.plain, s.repository = true, repository
	if digest, ok := s.reference.(name.Digest); ok {
		s.reference = repository.Digest(digest.DigestStr())
	} else {
		s.reference = repository.Tag(s.reference.Identifier())
	}
	return s
}

func (m Mirror) source(own source) (source, bool) {
	var options []name.Option
	if m.URL.Scheme == "http" {
		options = append(options, name.Insecure)
	}
	path := strings.TrimPrefix(strings.TrimSuffix(m.URL.Path, "/")+"/"+own.asked.RepositoryStr(), "/")
	repository, err := name.NewRepository(m.URL.Host+"/"+path, options...)
	if err != nil || repository.RegistryStr() != m.URL.Host {
		return source{}, false // a host without a dot or a port would be parsed as a folder of Docker's registry
	}
	s := source{asked: own.asked, registry: own.registry, repository: repository, mirror: true, plain: m.URL.Scheme == "http"}
	if digest, ok := own.reference.(name.Digest); ok {
		s.reference = repository.Digest(digest.DigestStr())
	} else {
		s.reference = repository.Tag(own.reference.Identifier())
	}
	return s, true
}

// spoken returns the name of a registry as users write it.
func spoken(r name.Registry) string {
	if r.RegistryStr() == name.DefaultRegistry {
		return "docker.io"
	}
	return r.RegistryStr()
}

// through returns the transport for this source.
func (s source) through(next http.RoundTripper) http.RoundTripper {
	if !s.mirror {
		return next
	}
	return naming{next: next, host: s.repository.RegistryStr(), registry: s.registry}
}

// naming adds the registry of the image to the requests to a mirror.
type naming struct {
	next           http.RoundTripper
	host, registry string
}

// RoundTrip implements http.RoundTripper.
func (n naming) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Host != n.host || !strings.HasPrefix(request.URL.Path, "/v2/") {
		return n.next.RoundTrip(request)
	}
	request = request.Clone(request.Context())
	query := request.URL.Query()
	query.Set("ns", n.registry)
	request.URL.RawQuery = query.Encode()
	return n.next.RoundTrip(request)
}

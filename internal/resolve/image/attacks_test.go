package image

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/resolve/image/guard"
)

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusTemporaryRedirect) }
}

// whole answers all with one body.
func whole(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = io.WriteString(w, body)
	}
}

func zeros(t *testing.T, size int) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// attacks are registries of which each tries something. Their host is evil.example.com, with a public address.
func attacks(t *testing.T) map[string]attack {
	t.Helper()
	index := func(list string) *shelf {
		return &shelf{mediaType: string(types.OCIImageIndex), manifest: `{"manifests":[` + list + `]}`}
	}
	stored := holding(good)
	aside := func(to string) *shelf {
		s := holding(good)
		s.blob = redirect(to)
		return s
	}
	return map[string]attack{
		"RedirectToPlainHTTP": {
			handler: redirect("http://inside.example.com/latest/meta-data?delete=all"),
			passing: true,
		},
		"RedirectToAnotherHost": {
			handler: redirect("https://storage.example.net/v2/"),
			passing: true,
		},
		"RedirectToAnotherPort": {
			handler: redirect("https://evil.example.com:8443/v2/"),
			passing: true,
		},
		"RedirectToMetadata": {
			handler: redirect("https://169.254.169.254/latest/meta-data/"),
			passing: true,
		},
		"ManifestToAnotherHost": {
			handler: manifests(redirect("https://storage.example.net/m")),
			passing: true,
		},
		"BlobToPlainHTTP": {
			handler: aside("http://storage.example.net/b").ServeHTTP,
			passing: true,
		},
		"BlobToMetadata": {
			handler: aside("https://169.254.169.254/b").ServeHTTP,
			says:    "has no address to which the controller may connect",
		},
		"BlobToLoopback": {
			handler: aside("https://[::ffff:127.0.0.1]/b").ServeHTTP,
			says:    "has no address to which the controller may connect",
		},
		"BlobToInside": {
			handler: aside("https://inside.example.com/b").ServeHTTP,
			says:    "has no address to which the controller may connect",
		},
		"RedirectsWithoutEnd": {
			handler: redirect("/v2/"),
			passing: true,
		},
		"HugeManifest": {
			handler: (&shelf{mediaType: string(types.DockerManifestSchema2), manifest: strings.Repeat(" ", guard.MaxAnswer+1)}).ServeHTTP,
			says:    "more than 4 MiB",
		},
		"HugeConfiguration": {
			handler: holding(strings.Repeat(" ", guard.MaxAnswer+1)).ServeHTTP,
			says:    "more than 4 MiB",
		},
		"HugeHeader": {
			handler: whole("", "X", strings.Repeat("x", 1<<20)),
			passing: true,
		},
		"HugeFailure": {
			handler: failing(http.StatusBadGateway, strings.Repeat(`{"errors":[{}]}`, 1<<18)),
			passing: true,
		},
		"IndexOfManyObjects": {
			handler: index(strings.TrimSuffix(strings.Repeat("{},", guard.MaxAnswer/3-100), ",")).ServeHTTP,
			says:    "lists more than 1024 images",
		},
		"ManifestOfManyLayers": {
			handler: (&shelf{
				mediaType: string(types.OCIManifestSchema1),
				manifest:  `{"layers":[` + strings.TrimSuffix(strings.Repeat("{},", guard.MaxAnswer/3-100), ",") + `]}`,
			}).ServeHTTP,
			says: "has a manifest without a configuration",
		},
		"ConfigurationOfManyWords": {
			handler: holding(`{"config":{"Cmd":[` + strings.TrimSuffix(strings.Repeat(`"",`, guard.MaxAnswer/3-100), ",") + `]}}`).ServeHTTP,
			says:    "more than 1024 words",
		},
		"ConfigurationOfManyLayers": {
			handler: holding(`{"history":[` + strings.TrimSuffix(strings.Repeat(`{},`, guard.MaxAnswer/3-100), ",") + `]}`).ServeHTTP,
			says:    "has neither an entrypoint nor a command",
		},
		"IndexOfIndexes": {
			handler: index(fmt.Sprintf(`{"mediaType":%q,"digest":%q,"platform":{"os":"linux"}}`, types.OCIImageIndex, digested("x"))).ServeHTTP,
			says:    "has no image for Linux",
		},
		"DeepJSON": {
			handler: (&shelf{mediaType: string(types.OCIImageIndex), manifest: strings.Repeat("[", 1<<20)}).ServeHTTP,
			says:    "has a manifest with invalid JSON",
		},
		"ConfigurationWithoutJSON": {
			handler: holding("what is said on an internal network").ServeHTTP,
			says:    "has a configuration with invalid JSON",
		},
		"ManifestWithoutJSON": {
			handler: (&shelf{mediaType: string(types.OCIManifestSchema1), manifest: "an internal network"}).ServeHTTP,
			says:    "has a manifest with invalid JSON",
		},
		"AnotherDigest": {
			handler: (&shelf{mediaType: stored.mediaType, manifest: stored.manifest, head: digested("x")}).ServeHTTP,
			says:    "content with another digest",
		},
		"AnotherConfiguration": {
			handler: (&shelf{mediaType: stored.mediaType, manifest: stored.manifest, blob: whole(`{"config":{"Entrypoint":["evil"]}}`)}).ServeHTTP,
			says:    "content with another digest",
		},
		"CompressionBomb": {
			handler: (&shelf{
				mediaType: stored.mediaType,
				manifest:  stored.manifest,
				blob:      whole(zeros(t, 64<<20), "Content-Encoding", "gzip"),
			}).ServeHTTP,
			says: "content with another digest",
		},
		"OldFormat": {
			handler: (&shelf{mediaType: string(types.DockerManifestSchema1Signed), manifest: "{}"}).ServeHTTP,
			says:    "is not a container image",
		},
		"UnknownDigest": {
			handler: holding(good).withConfig("md5:00").ServeHTTP,
			says:    "has a manifest with invalid JSON",
		},
		"TalkativeFailure": {
			handler: failing(http.StatusTeapot, "what is said on an internal network"),
			passing: true,
		},
		"TokensWithoutEnd": {
			handler: challenge(`Bearer realm="https://evil.example.com/token"`, whole(strings.Repeat(" ", 1<<20))),
			passing: true,
		},
		"TokenFromInside": {
			handler: challenge(`Bearer realm="https://inside.example.com/token"`, nil),
			says:    "has no address to which the controller may connect",
		},
		"TokenInTheClear": {
			handler: challenge(`Bearer realm="http://evil.example.com/token"`, nil),
			passing: true,
		},
	}
}

// attack is what a registry does, and what becomes of it.
type attack struct {
	handler http.HandlerFunc
	// passing: the lookup is tried again, with the one message that says nothing.
	passing bool
	says    string
}

// manifests answers for manifests with something else.
func manifests(instead http.HandlerFunc) http.HandlerFunc {
	s := holding(good)
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/manifests/") {
			instead(w, r)
			return
		}
		s.ServeHTTP(w, r)
	}
}

func (s *shelf) withConfig(digest string) *shelf {
	s.manifest = fmt.Sprintf(`{"config":{"digest":%q}}`, digest)
	return s
}

func failing(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
		http.Error(w, body, status)
	}
}

// challenge asks for a token, which token hands out.
func challenge(words string, token http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" && token != nil {
			token(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", words)
		w.WriteHeader(http.StatusUnauthorized)
	}
}

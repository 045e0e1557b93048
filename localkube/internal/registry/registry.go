// Package registry is the cluster's image registry: the node's first mirror for every image, and the destination of pushes.
// It stores blobs and manifests on disk, and they survive a restart.
package registry

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ggcr "github.com/google/go-containerregistry/pkg/registry"
)

// maxManifest is the maximum size of a manifest in bytes. The OCI distribution specification asks registries to accept at
// least 4 MiB.
const maxManifest = 4 << 20

// Registry is an HTTP handler that implements the OCI distribution protocol.
type Registry struct {
	inner     http.Handler
	manifests *manifests
	// self are the names by which clients address this registry. Images of these hosts are stored without a host in their
	// name.
	self []string
}

// Open serves the content of dir, and creates dir if it does not exist. self are host:port of the registry itself.
func Open(dir string, self []string) (*Registry, error) {
	blobs := filepath.Join(dir, "blobs")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return nil, fmt.Errorf("cannot create directory %q: %w", blobs, err)
	}
	stored, err := openManifests(filepath.Join(dir, "manifests"))
	if err != nil {
		return nil, err
	}
	quiet := log.New(io.Discard, "", 0)
	r := &Registry{
		inner:     ggcr.New(ggcr.WithBlobHandler(ggcr.NewDiskBlobHandler(blobs)), ggcr.Logger(quiet)),
		manifests: stored,
		self:      self,
	}
	// The library keeps manifests in memory only, so the stored ones are pushed again. The order matters: an index must come
	// after its images.
	return r, stored.each(r.replay)
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	request.URL.Path = r.storedPath(request.URL)
	repository, reference, ok := manifestPath(request.URL.Path)
	if !ok || (request.Method != http.MethodPut && request.Method != http.MethodDelete) {
		r.inner.ServeHTTP(w, request)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxManifest))
	if err != nil {
		http.Error(w, fmt.Sprintf("cannot read manifest: %v", err), http.StatusRequestEntityTooLarge)
		return
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	answer := &recorder{ResponseWriter: w}
	r.inner.ServeHTTP(answer, request)
	switch answer.status {
	case http.StatusCreated:
		err = r.manifests.put(manifest{
			Repository: repository,
			Reference:  reference,
			MediaType:  request.Header.Get("Content-Type"),
			Content:    body,
		})
	case http.StatusAccepted:
		err = r.manifests.remove(repository, reference)
	}
	if err != nil {
		// The client got a success. The image is available until the next restart.
		slog.Error("cannot keep a manifest", "repository", repository, "reference", reference, "err", err)
	}
}

// storedPath returns the path under which the image is stored. A client that uses this registry as a mirror names the
// original registry in the parameter ns (containerd's convention). The images of such a registry are stored below its name:
// docker.io/library/busybox.
func (r *Registry) storedPath(u *url.URL) string {
	namespace := u.Query().Get("ns")
	rest, ok := strings.CutPrefix(u.Path, "/v2/")
	if namespace == "" || !ok || rest == "" {
		return u.Path
	}
	if slices.Contains(r.self, namespace) {
		return u.Path
	}
	return "/v2/" + Folder(namespace) + "/" + rest
}

// Folder returns the first part of the stored name of another registry's images: its host, and its port after an underscore,
// because the name of an image cannot contain a colon.
func Folder(host string) string { return strings.ReplaceAll(host, ":", "_") }

func (r *Registry) replay(m manifest) error {
	request, err := http.NewRequest(http.MethodPut, "/v2/"+m.Repository+"/manifests/"+m.Reference, bytes.NewReader(m.Content))
	if err != nil {
		return fmt.Errorf("cannot restore manifest %q: %w", m.Reference, err)
	}
	request.Header.Set("Content-Type", m.MediaType)
	answer := &recorder{ResponseWriter: discard{}}
	r.inner.ServeHTTP(answer, request)
	if answer.status != http.StatusCreated {
		return fmt.Errorf("cannot restore manifest %s of %q: status %d", m.Reference, m.Repository, answer.status)
	}
	return nil
}

// manifestPath splits /v2/<repository>/manifests/<reference>.
func manifestPath(path string) (repository, reference string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return "", "", false
	}
	i := strings.LastIndex(rest, "/manifests/")
	if i <= 0 {
		return "", "", false
	}
	repository, reference = rest[:i], rest[i+len("/manifests/"):]
	return repository, reference, reference != "" && !strings.Contains(reference, "/")
}

// recorder records the status of a response.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// discard is a response that is not read.
type discard struct{}

// Header implements http.ResponseWriter.
func (discard) Header() http.Header { return http.Header{} }

// Write implements http.ResponseWriter.
func (discard) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements http.ResponseWriter.
func (discard) WriteHeader(int) {}

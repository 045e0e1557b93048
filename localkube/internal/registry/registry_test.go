package registry

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestImagesSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first := serve(t, dir)
	image, err := random.Image(1000, 3)
	if err != nil {
		t.Fatal(err)
	}
	index, err := random.Index(100, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, first, "docker.io/library/busybox:1"), image); err != nil {
		t.Fatal(err)
	}
	// The registry refuses an index before its images, so a successful restart shows that the order is kept.
	if err := remote.WriteIndex(reference(t, first, "example.org/index:1"), index); err != nil {
		t.Fatal(err)
	}

	second := serve(t, dir)
	got, err := remote.Image(reference(t, second, "docker.io/library/busybox:1"))
	if err != nil {
		t.Fatal(err)
	}
	if digest(t, got) != digest(t, image) {
		t.Errorf("the image is %s, was %s", digest(t, got), digest(t, image))
	}
	if _, err := remote.Index(reference(t, second, "example.org/index:1")); err != nil {
		t.Errorf("the index is lost: %v", err)
	}
}

func TestANewImageReplacesTheOldOne(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir)
	var last v1.Image
	for range 2 {
		image, err := random.Image(100, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(reference(t, server, "a/b:1"), image); err != nil {
			t.Fatal(err)
		}
		last = image
	}
	got, err := remote.Image(reference(t, serve(t, dir), "a/b:1"))
	if err != nil {
		t.Fatal(err)
	}
	if digest(t, got) != digest(t, last) {
		t.Error("after a restart the tag refers to the older image")
	}
}

func TestADeletedImageStaysDeleted(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, dir)
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference(t, server, "a/b:1"), image); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(reference(t, server, "a/b:1")); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Image(reference(t, serve(t, dir), "a/b:1")); err == nil {
		t.Error("after a restart the deleted image exists")
	}
}

func TestStoredPath(t *testing.T) {
	r := &Registry{self: []string{"127.0.0.1:5001", "localhost:5001"}}
	cases := map[string]struct {
		reason string
		url    string
		want   string
	}{
		"Mirror": {
			reason: "A client of a mirror names the original registry.",
			url:    "/v2/library/busybox/manifests/1?ns=docker.io", want: "/v2/docker.io/library/busybox/manifests/1",
		},
		"Blob": {
			reason: "Blobs have the same path as manifests.",
			url:    "/v2/library/busybox/blobs/sha256:00?ns=docker.io", want: "/v2/docker.io/library/busybox/blobs/sha256:00",
		},
		"Port": {
			reason: "The name of a registry may have a port.",
			url:    "/v2/a/manifests/1?ns=example.org:5000", want: "/v2/example.org_5000/a/manifests/1",
		},
		"Self": {
			reason: "An image that was pushed to this registry has no registry in its name.",
			url:    "/v2/sluice/controller/manifests/1?ns=localhost:5001", want: "/v2/sluice/controller/manifests/1",
		},
		"Direct": {
			reason: "A client that does not use a mirror names the full path.",
			url:    "/v2/docker.io/library/busybox/manifests/1", want: "/v2/docker.io/library/busybox/manifests/1",
		},
		"Ping": {
			reason: "The request that checks for a registry is not about an image.",
			url:    "/v2/?ns=docker.io", want: "/v2/",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.storedPath(u); got != tc.want {
				t.Errorf("%s\nstoredPath(%q) = %q, want %q", tc.reason, tc.url, got, tc.want)
			}
		})
	}
}

func TestManifestPath(t *testing.T) {
	cases := map[string]struct {
		reason                string
		path                  string
		repository, reference string
	}{
		"Tag":    {reason: "The usual form.", path: "/v2/a/b/manifests/1", repository: "a/b", reference: "1"},
		"Digest": {reason: "A digest is a reference, too.", path: "/v2/a/manifests/sha256:00", repository: "a", reference: "sha256:00"},
		"Manifests": {
			reason:     "A repository may be called manifests.",
			path:       "/v2/manifests/manifests/1",
			repository: "manifests",
			reference:  "1",
		},
		"Blob":    {reason: "A blob is not a manifest.", path: "/v2/a/blobs/sha256:00"},
		"Nothing": {reason: "A path without a reference is not a manifest.", path: "/v2/a/manifests/"},
		"Other":   {reason: "A path outside of the protocol is not a manifest.", path: "/a/manifests/1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			repository, reference, ok := manifestPath(tc.path)
			if ok != (tc.repository != "") || (ok && (repository != tc.repository || reference != tc.reference)) {
				t.Errorf("%s\nmanifestPath(%q) = %q, %q, %t", tc.reason, tc.path, repository, reference, ok)
			}
		})
	}
}

// serve starts a registry on the folder, as after a restart.
func serve(t *testing.T, dir string) string {
	t.Helper()
	registry, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func reference(t *testing.T, server, image string) name.Reference {
	t.Helper()
	r, err := name.ParseReference(server+"/"+image, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func digest(t *testing.T, image v1.Image) v1.Hash {
	t.Helper()
	d, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func TestFromRootfs(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "bin", "sh"), "#!", 0o755)
	write(t, filepath.Join(root, "etc", "passwd"), "root", 0o644)
	if err := os.Symlink("sh", filepath.Join(root, "bin", "ash")); err != nil {
		t.Fatal(err)
	}
	config := Config{Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c"}, Env: []string{"PATH=/bin"}, WorkingDir: "/", User: "1000"}
	want := map[string]string{
		"bin/":       "drwxr-xr-x",
		"bin/ash":    "Lrwxrwxrwx sh",
		"bin/sh":     "-rwxr-xr-x #!",
		"etc/":       "drwxr-xr-x",
		"etc/passwd": "-rw-r--r-- root",
	}

	image, err := FromRootfs(root, config)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(t, image)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	wantConfig := v1.Config{Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-c"}, Env: []string{"PATH=/bin"}, WorkingDir: "/", User: "1000"}
	if diff := cmp.Diff(wantConfig, file.Config); diff != "" {
		t.Errorf("configuration -want +got:\n%s", diff)
	}

	// The same image from an archive.
	path := filepath.Join(t.TempDir(), "rootfs.tar")
	packed, err := io.ReadAll(archive(root))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, packed, 0o644); err != nil {
		t.Fatal(err)
	}
	image, err = FromRootfs(path, config)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, contents(t, image)); diff != "" {
		t.Errorf("from an archive, -want +got:\n%s", diff)
	}
}

func TestFromMissingRootfs(t *testing.T) {
	if _, err := FromRootfs(filepath.Join(t.TempDir(), "nothing"), Config{}); err == nil {
		t.Error("an image was built from a missing folder")
	}
}

func TestFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	write(t, path, "ELF", 0o644)
	image, err := FromFile(path, "pause")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"pause": "-rwxr-xr-x ELF"}, contents(t, image)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFromArchive(t *testing.T) {
	one, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("example.org/one:1")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	docker := filepath.Join(dir, "docker.tar")
	if err := tarball.WriteToFile(docker, tag, one); err != nil {
		t.Fatal(err)
	}
	oci := filepath.Join(dir, "oci")
	path, err := layout.Write(oci, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(one, layout.WithAnnotations(map[string]string{refName: "example.org/one:1"})); err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(dir, "oci.tar")
	content, err := io.ReadAll(archive(oci))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(packed, content, 0o644); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		path   string
	}{
		"Docker":     {reason: "`docker save` and ko write this format.", path: docker},
		"OCIFolder":  {reason: "An OCI layout names its images by annotation.", path: oci},
		"OCIArchive": {reason: "An OCI layout is often packed.", path: packed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			images, err := FromArchive(tc.path, t.TempDir())
			if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			if len(images) != 1 || images[0].Name != "example.org/one:1" {
				t.Fatalf("%s\ngot %v", tc.reason, images)
			}
			if diff := cmp.Diff(layers(t, one), layers(t, images[0].Image)); diff != "" {
				t.Errorf("%s\nlayers -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFromArchiveRefusesNamesOutsideTheFolder(t *testing.T) {
	dir := t.TempDir()
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	if err := w.WriteHeader(&tar.Header{Name: "../escaped", Mode: 0o644, Size: 1, Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "evil.tar")
	if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	scratch := filepath.Join(dir, "scratch")
	if err := os.Mkdir(scratch, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := FromArchive(path, scratch); err == nil {
		t.Error("the archive was accepted")
	}
	if _, err := os.Stat(filepath.Join(dir, "escaped")); err == nil {
		t.Error("a file was written outside of the folder")
	}
}

func TestStored(t *testing.T) {
	const registry = "127.0.0.1:5001"
	cases := map[string]struct {
		reason string
		image  string
		want   string
	}{
		"Short": {
			reason: "A name without a registry is in Docker's registry.",
			image:  "busybox",
			want:   "127.0.0.1:5001/docker.io/library/busybox:latest",
		},
		"Full": {
			reason: "The full name of Docker's registry is the same.",
			image:  "docker.io/library/busybox:1",
			want:   "127.0.0.1:5001/docker.io/library/busybox:1",
		},
		"Other": {
			reason: "Images of different registries do not collide.",
			image:  "quay.io/library/busybox:1",
			want:   "127.0.0.1:5001/quay.io/library/busybox:1",
		},
		"Port": {
			reason: "The port belongs to the registry's name, but the name of an image cannot hold a colon there.",
			image:  "example.org:5000/a:1",
			want:   "127.0.0.1:5001/example.org_5000/a:1",
		},
		"Own": {
			reason: "An image of this registry has the name that a push stores.",
			image:  "127.0.0.1:5001/sluice/inpod:1",
			want:   "127.0.0.1:5001/sluice/inpod:1",
		},
		"Digest": {reason: "A digest is kept.", image: "example.org/a@sha256:" +
			strings.Repeat("0", 64), want: "127.0.0.1:5001/example.org/a@sha256:" + strings.Repeat("0", 64)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Stored(registry, tc.image)
			if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			if got.String() != tc.want {
				t.Errorf("%s\nStored(%q) = %q, want %q", tc.reason, tc.image, got, tc.want)
			}
		})
	}
	if _, err := Stored(registry, "UPPER CASE"); err == nil {
		t.Error("an invalid name was accepted")
	}
}

func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := Push(address, "docker.io/library/busybox:1", image)
	if err != nil {
		t.Fatal(err)
	}
	reference, err := Stored(address, "busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	pulled, err := remote.Head(reference)
	if err != nil {
		t.Fatal(err)
	}
	if pulled.Digest != digest {
		t.Errorf("the registry has %s, want %s", pulled.Digest, digest)
	}
}

// contents lists the files of the image's only layer, with mode and content.
func contents(t *testing.T, image v1.Image) map[string]string {
	t.Helper()
	all, err := image.Layers()
	if err != nil || len(all) != 1 {
		t.Fatalf("%d layers, %v", len(all), err)
	}
	if err := validate.Layer(all[0]); err != nil {
		t.Errorf("cannot read the layer: %v", err)
	}
	reader, err := all[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	files := map[string]string{}
	for r := tar.NewReader(reader); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = strings.TrimSpace(header.FileInfo().Mode().String() + " " + header.Linkname + string(content))
	}
}

func layers(t *testing.T, image v1.Image) []string {
	t.Helper()
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, id := range file.RootFS.DiffIDs {
		ids = append(ids, id.String())
	}
	return ids
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

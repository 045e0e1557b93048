package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packed returns the archive of a package.
func packed(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, h := range headers {
		content := []byte(h.Name)
		if h.Typeflag != tar.TypeReg {
			content = nil
		}
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buffer
}

func file(name string, mode int64) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode}
}

func TestAdd(t *testing.T) {
	cases := map[string]struct {
		reason  string
		headers []tar.Header
		want    map[string]string
	}{
		"Merged": {
			reason: "Programs and libraries go below usr, wherever the package has them: a folder on the link to usr would hide all others.",
			headers: []tar.Header{{
				Typeflag: tar.TypeDir,
				Name:     "./bin/",
				Mode:     0o755,
			}, file("./bin/sh", 0o755), file("./lib/x86_64-linux-gnu/libc.so.6", 0o644)},
			want: map[string]string{
				"usr/bin/sh":                         "-rwxr-xr-x ./bin/sh",
				"usr/lib/x86_64-linux-gnu/libc.so.6": "-rw-r--r-- ./lib/x86_64-linux-gnu/libc.so.6",
			},
		},
		"Documentation": {
			reason: "Nobody reads manuals in an image, but whoever has a program gets its licence.",
			headers: []tar.Header{
				file("./usr/share/man/man1/ls.1.gz", 0o644),
				file("./usr/share/doc/ls/NEWS.gz", 0o644),
				file("./usr/share/doc/ls/copyright", 0o644),
			},
			want: map[string]string{"usr/share/doc/ls/copyright": "-rw-r--r-- ./usr/share/doc/ls/copyright"},
		},
		"HardLink": {
			reason: "The order of entries is free only if none refers to another.",
			headers: []tar.Header{file("./usr/bin/perl", 0o755), {
				Typeflag: tar.TypeLink,
				Name:     "./usr/bin/a",
				Linkname: "./usr/bin/perl",
				Mode:     0o755,
			}},
			want: map[string]string{"usr/bin/perl": "-rwxr-xr-x ./usr/bin/perl", "usr/bin/a": "-rwxr-xr-x ./usr/bin/perl"},
		},
		"Modes": {
			reason:  "Who may write to a folder, and whose rights a program has, is part of the package.",
			headers: []tar.Header{{Typeflag: tar.TypeDir, Name: "./tmp/", Mode: 0o1777}, {Typeflag: tar.TypeDir, Name: "./tmp/", Mode: 0o755}},
			want:    map[string]string{"tmp/": "dtrwxrwxrwx"},
		},
		"Escape": {
			reason:  "A name cannot lead out of the image.",
			headers: []tar.Header{file("../../etc/passwd", 0o644)},
			want:    map[string]string{"etc/passwd": "-rw-r--r-- ../../etc/passwd"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tree := New()
			if err := tree.Add(packed(t, tc.headers...)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, unpacked(t, tree)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestAddRefusesDevices(t *testing.T) {
	if err := New().Add(packed(t, tar.Header{Typeflag: tar.TypeChar, Name: "./dev/mem"})); err == nil {
		t.Error("a device was taken into the image")
	}
}

func TestRemove(t *testing.T) {
	tree := New()
	for _, name := range []string{"a/b", "a/b/c", "a/bc"} {
		tree.File(name, "", 0o644)
	}
	tree.Remove("a/b")
	if diff := cmp.Diff(map[string]string{"a/bc": "-rw-r--r-- "}, unpacked(t, tree)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLayerIsTheSameEachTime(t *testing.T) {
	digest := func(names ...string) string {
		tree := New()
		for _, name := range names {
			tree.File(name, name, 0o644)
		}
		tree.Merged()
		layer, err := tree.Layer()
		if err != nil {
			t.Fatal(err)
		}
		d, err := layer.Digest()
		if err != nil {
			t.Fatal(err)
		}
		return d.String()
	}
	if one, other := digest("a", "b", "c"), digest("c", "a", "b"); one != other {
		t.Errorf("the same files give %s and %s", one, other)
	}
	if one, other := digest("a"), digest("b"); one == other {
		t.Errorf("different files give the same layer %s", one)
	}
}

// unpacked lists the files of a tree with modes and contents, or targets of links.
func unpacked(t *testing.T, tree *Tree) map[string]string {
	t.Helper()
	layer, err := tree.Layer()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := layer.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	files := map[string]string{}
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		text := header.FileInfo().Mode().String()
		if header.Typeflag != tar.TypeDir {
			text += " " + header.Linkname + string(content)
		}
		files[header.Name] = text
	}
}

// Package rootfs builds the root file system of an image from the files of packages, and packs it into a layer. The same files
// give the same layer, byte for byte.
package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Tree is a root file system, or the part of one layer. Paths do not begin with a slash.
type Tree struct {
	entries map[string]entry
}

type entry struct {
	header  tar.Header
	content []byte
}

// New returns an empty Tree.
func New() *Tree { return &Tree{entries: map[string]entry{}} }

// merged returns the folders that are links into usr in Debian. Merged creates only those of this word size.
func merged() []string { return []string{"bin", "lib", "lib32", "lib64", "libx32", "sbin"} }

// Merged creates the links of a file system with all programs and libraries below usr. Add puts files there in any case.
func (t *Tree) Merged() {
	for _, name := range []string{"bin", "lib", "lib64", "sbin"} {
		t.Dir("usr/"+name, 0o755)
		t.put(tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: "usr/" + name, Mode: 0o777}, nil)
	}
}

// Dir creates a folder.
func (t *Tree) Dir(name string, mode int64) {
	t.put(tar.Header{Typeflag: tar.TypeDir, Name: clean(name), Mode: mode}, nil)
}

// File creates a file.
func (t *Tree) File(name, content string, mode int64) {
	t.put(tar.Header{Typeflag: tar.TypeReg, Name: clean(name), Mode: mode}, []byte(content))
}

// Link creates a symbolic link. It does not change the target.
func (t *Tree) Link(name, target string) {
	t.put(tar.Header{Typeflag: tar.TypeSymlink, Name: clean(name), Linkname: target, Mode: 0o777}, nil)
}

// Read returns the content of a file.
func (t *Tree) Read(name string) (string, error) {
	e, ok := t.entries[clean(name)]
	if !ok || e.header.Typeflag != tar.TypeReg {
		return "", fmt.Errorf("cannot read file %q: it is not in the image", name)
	}
	return string(e.content), nil
}

// Remove removes a file, or a folder with its contents.
func (t *Tree) Remove(name string) {
	name = clean(name)
	for other := range t.entries {
		if other == name || strings.HasPrefix(other, name+"/") {
			delete(t.entries, other)
		}
	}
}

// Add adds the files of the tar archive of a package. A file replaces an existing one, but a folder keeps its first mode.
func (t *Tree) Add(archive io.Reader) error {
	reader := tar.NewReader(archive)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read archive: %w", err)
		}
		if err := t.add(header, reader); err != nil {
			return err
		}
	}
}

func (t *Tree) add(header *tar.Header, content io.Reader) error {
	name := clean(header.Name)
	if name == "." || unwanted(name) || slices.Contains(merged(), strings.TrimPrefix(path.Clean("/"+header.Name), "/")) {
		return nil
	}
	kept := tar.Header{
		Typeflag: header.Typeflag,
		Name:     name,
		Linkname: header.Linkname,
		Mode:     header.Mode & 0o7777,
		Uid:      header.Uid,
		Gid:      header.Gid,
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if _, ok := t.entries[name]; !ok {
			t.put(kept, nil)
		}
	case tar.TypeReg:
		data, err := io.ReadAll(content)
		if err != nil {
			return fmt.Errorf("cannot read %q from archive: %w", name, err)
		}
		t.put(kept, data)
	case tar.TypeSymlink:
		t.put(kept, nil)
	case tar.TypeLink:
		// A hard link becomes a second file. The files are read-only, and so the order of entries does not matter.
		data, err := t.Read(header.Linkname)
		if err != nil {
			return fmt.Errorf("cannot follow link %q: %w", name, err)
		}
		kept.Typeflag, kept.Linkname = tar.TypeReg, ""
		t.put(kept, []byte(data))
	default:
		return fmt.Errorf("cannot add %q to an image: type %q is not supported", name, header.Typeflag)
	}
	return nil
}

func (t *Tree) put(header tar.Header, content []byte) {
	header.Size, header.Format = int64(len(content)), tar.FormatPAX
	t.entries[header.Name] = entry{header: header, content: content}
}

// clean turns the name of an entry of an archive into a path of the tree: without dots, and below usr if it belongs there.
func clean(name string) string {
	name = path.Clean("/" + name)[1:]
	if first, _, _ := strings.Cut(name, "/"); slices.Contains(merged(), first) && name != first {
		return "usr/" + name
	}
	if name == "" {
		return "."
	}
	return name
}

// unwanted reports whether a file is documentation. Licenses are not.
func unwanted(name string) bool {
	if strings.HasPrefix(name, "usr/share/doc/") {
		return path.Base(name) != "copyright"
	}
	for _, folder := range []string{"bash-completion", "bug", "info", "lintian", "locale", "man", "menu"} {
		if strings.HasPrefix(name+"/", "usr/share/"+folder+"/") {
			return true
		}
	}
	return false
}

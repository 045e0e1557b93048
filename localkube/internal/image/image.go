// Package image builds container images from files of this machine, and pushes images to the cluster's registry.
package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/localkube/internal/registry"
)

// Config is the configuration of an image: the process that runs from it.
type Config struct {
	Entrypoint []string
	Cmd        []string
	// Env are variables as NAME=value.
	Env        []string
	WorkingDir string
	User       string
}

// FromRootfs builds an image of one layer from a folder, or from a tar archive (optionally compressed with gzip) of a folder.
func FromRootfs(path string, config Config) (v1.Image, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read root file system: %w", err)
	}
	open := func() (io.ReadCloser, error) { return os.Open(path) }
	if info.IsDir() {
		open = func() (io.ReadCloser, error) { return archive(path), nil }
	}
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("cannot make a layer of %q: %w", path, err)
	}
	return fromLayer(layer, config)
}

// FromFile builds an image that holds only one program, at /name.
func FromFile(path, name string) (v1.Image, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read program: %w", err)
	}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	err = w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot pack %q: %w", path, err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("cannot make a layer of %q: %w", path, err)
	}
	return fromLayer(layer, Config{Entrypoint: []string{"/" + name}})
}

func fromLayer(layer v1.Layer, config Config) (v1.Image, error) {
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), layer)
	if err != nil {
		return nil, fmt.Errorf("cannot append layer: %w", err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot read image configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	file.Config = v1.Config{
		Entrypoint: config.Entrypoint, Cmd: config.Cmd, Env: config.Env, WorkingDir: config.WorkingDir, User: config.User,
	}
	image, err = mutate.ConfigFile(image, file)
	if err != nil {
		return nil, fmt.Errorf("cannot configure image: %w", err)
	}
	return mutate.ConfigMediaType(image, types.OCIConfigJSON), nil
}

// archive streams the folder as a tar archive, with the owners and modes of its files. It omits sockets, because an archive
// cannot hold them.
func archive(root string) io.ReadCloser {
	reader, writer := io.Pipe()
	go func() {
		w := tar.NewWriter(writer)
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return add(w, root, path, entry)
		})
		writer.CloseWithError(errors.Join(err, w.Close()))
	}()
	return reader
}

func add(w *tar.Writer, root, path string, entry fs.DirEntry) error {
	relative, err := filepath.Rel(root, path)
	if err != nil || relative == "." {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name = filepath.ToSlash(relative)
	if info.IsDir() {
		header.Name += "/"
	}
	// The names are those of this machine; an image uses numbers.
	header.Uname, header.Gname = "", ""
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		header.Uid, header.Gid = int(stat.Uid), int(stat.Gid)
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}

// Stored returns the name under which the registry at the address stores the image that pods call by the given name.
func Stored(server, image string) (name.Reference, error) {
	reference, err := name.ParseReference(image)
	if err != nil {
		return nil, fmt.Errorf("cannot parse image name %q: %w", image, err)
	}
	host := reference.Context().RegistryStr()
	if host == name.DefaultRegistry {
		host = "docker.io" // the name that containerd uses
	}
	path := registry.Folder(host) + "/" + reference.Context().RepositoryStr()
	if host == server {
		path = reference.Context().RepositoryStr()
	}
	separator := ":"
	if _, ok := reference.(name.Digest); ok {
		separator = "@"
	}
	stored, err := name.ParseReference(server+"/"+path+separator+reference.Identifier(), name.Insecure)
	if err != nil {
		return nil, fmt.Errorf("cannot name image %q in the registry: %w", image, err)
	}
	return stored, nil
}

// Push pushes the image to the registry at the address, under the name that pods use. It returns the digest.
func Push(server, image string, content v1.Image) (v1.Hash, error) {
	reference, err := Stored(server, image)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := remote.Write(reference, content); err != nil {
		return v1.Hash{}, fmt.Errorf("cannot push image %q: %w", image, err)
	}
	return content.Digest()
}

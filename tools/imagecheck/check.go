package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// check returns the total size of the files of image in bytes. It fails if the size exceeds limit, if the image contains a file
// other than the program, or if the program would run as root.
func check(image v1.Image, limit int64) (int64, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return 0, fmt.Errorf("cannot read the configuration: %w", err)
	}
	if len(config.Config.Entrypoint) != 1 {
		return 0, fmt.Errorf("has the entrypoint %q, want only its program", config.Config.Entrypoint)
	}
	if user := config.Config.User; user == "" || user == "0" || user == "root" {
		return 0, fmt.Errorf("runs as user %q, want a user other than root", user)
	}
	files := mutate.Extract(image)
	defer files.Close()
	size, err := sum(tar.NewReader(files), config.Config.Entrypoint[0])
	if err != nil {
		return 0, err
	}
	if size > limit {
		return 0, fmt.Errorf("has %d bytes unpacked, want at most %d", size, limit)
	}
	return size, nil
}

// sum returns the size of the files in t. program must be the only one.
func sum(t *tar.Reader, program string) (int64, error) {
	size, found := int64(0), false
	for {
		header, err := t.Next()
		switch {
		case errors.Is(err, io.EOF) && !found:
			return 0, fmt.Errorf("does not contain its program %q", program)
		case errors.Is(err, io.EOF):
			return size, nil
		case err != nil:
			return 0, fmt.Errorf("cannot read the files: %w", err)
		case header.Typeflag == tar.TypeDir:
			continue
		case path.Clean("/"+header.Name) != program:
			return 0, fmt.Errorf("contains %q besides its program %q", strings.TrimPrefix(header.Name, "/"), program)
		}
		found = true
		size += header.Size
	}
}

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

// check returns how many bytes the files of image have, and an error if they are more than limit, if there is a file
// beside the program, or if the program would run as root.
func check(image v1.Image, limit int64) (int64, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return 0, fmt.Errorf("cannot read its configuration: %w", err)
	}
	if len(config.Config.Entrypoint) != 1 {
		return 0, fmt.Errorf("has the entrypoint %q, want its program alone", config.Config.Entrypoint)
	}
	if user := config.Config.User; user == "" || user == "0" || user == "root" {
		return 0, fmt.Errorf("runs as user %q, want one other than root", user)
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

// sum adds up the sizes of the files in t, of which program must be the only one.
func sum(t *tar.Reader, program string) (int64, error) {
	size, found := int64(0), false
	for {
		header, err := t.Next()
		switch {
		case errors.Is(err, io.EOF) && !found:
			return 0, fmt.Errorf("does not hold its program %q", program)
		case errors.Is(err, io.EOF):
			return size, nil
		case err != nil:
			return 0, fmt.Errorf("cannot read its files: %w", err)
		case header.Typeflag == tar.TypeDir:
			continue
		case path.Clean("/"+header.Name) != program:
			return 0, fmt.Errorf("holds %q beside its program %q", strings.TrimPrefix(header.Name, "/"), program)
		}
		found = true
		size += header.Size
	}
}

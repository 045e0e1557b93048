package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sluice-ci/sluice/tools/internal/emptyimage"
)

// builder builds images into a registry on loopback that runs until close.
type builder struct {
	ko      string
	options []string
	repo    string
	base    string
	server  *http.Server
}

func newBuilder(ctx context.Context, ko string, options []string) (*builder, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot serve a registry: %w", err)
	}
	b := &builder{
		ko:      ko,
		options: options,
		repo:    listener.Addr().String() + "/check",
		server:  &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}, //nolint:gosec // Only ko connects to it.
	}
	go func() { _ = b.server.Serve(listener) }() // ends with close; after a failure the first push fails
	if b.base, err = emptyimage.Push(b.repo + "/base"); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *builder) close() { _ = b.server.Close() }

// build runs ko for one import path and returns the image.
func (b *builder) build(ctx context.Context, importPath string) (v1.Image, error) {
	cmd := exec.CommandContext(ctx, b.ko, append(append([]string{"build"}, b.options...), importPath)...)
	cmd.Env = append(os.Environ(), "KO_DOCKER_REPO="+b.repo, "KO_DEFAULTBASEIMAGE="+b.base)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot build %q: %w\n%s", importPath, err, &stderr)
	}
	ref, err := name.ParseReference(strings.TrimSpace(string(out)))
	if err != nil {
		return nil, fmt.Errorf("cannot parse the output of ko: %w", err)
	}
	image, err := remote.Image(ref, remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("cannot read image %q: %w", ref, err)
	}
	return image, nil
}

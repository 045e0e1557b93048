package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/ko/pkg/build"
	"github.com/google/ko/pkg/commands/options"

	"github.com/sluice-ci/sluice/tools/internal/emptyimage"
)

// user is the user ID of the images, as in hack/images.sh.
const user = "65532"

// commandLine is the program in cmd/ that is not an image. Its contents are listed, too.
const commandLine = "sluice"

// errResult is the error for a result of ko that is neither an image nor an index.
var errResult = errors.New("ko built neither an image nor an index")

// images builds all images into OCI layouts, and writes the lists of their contents. It returns the references by program.
func (r release) images(ctx context.Context, folder string, created time.Time) (map[string]string, error) {
	builder, err := r.builder(ctx, filepath.Join(folder, contentsFolder), created)
	if err != nil {
		return nil, err
	}
	references := map[string]string{}
	for _, program := range append(imageNames(), commandLine) {
		r.sayf("building the image of cmd/%s", program)
		result, err := builder.Build(ctx, build.StrictScheme+module+"/cmd/"+program)
		if err != nil {
			return nil, fmt.Errorf("cannot build the image of cmd/%s: %w", program, err)
		}
		if program == commandLine {
			continue // built only for the list of its contents
		}
		digest, err := writeLayout(filepath.Join(folder, imagesFolder, program), result)
		if err != nil {
			return nil, fmt.Errorf("cannot write the image of cmd/%s: %w", program, err)
		}
		references[program] = r.Repository + "/" + program + "@" + digest.String()
	}
	return references, nil
}

// builder returns a builder with the configuration of .ko.yaml. ko is a library here, because its program takes the base from a
// registry, and writes the address of the registry into the manifests. Then no two builds have the same digest.
func (r release) builder(ctx context.Context, contents string, created time.Time) (build.Interface, error) {
	// The configuration reads the version from the environment.
	if err := os.Setenv("SLUICE_VERSION", r.Version); err != nil {
		return nil, fmt.Errorf("cannot set the version for ko: %w", err)
	}
	configuration := options.BuildOptions{WorkingDirectory: r.Project}
	if err := configuration.LoadConfig(); err != nil {
		return nil, fmt.Errorf("cannot read .ko.yaml: %w", err)
	}
	base, err := emptyimage.Build()
	if err != nil {
		return nil, fmt.Errorf("cannot build the empty image: %w", err)
	}
	baseName, err := name.ParseReference("scratch")
	if err != nil {
		return nil, fmt.Errorf("cannot name the empty image: %w", err)
	}
	builder, err := build.NewGo(ctx, r.Project,
		build.WithBaseImages(func(context.Context, string) (name.Reference, build.Result, error) { return baseName, base, nil }),
		build.WithConfig(configuration.BuildConfigs),
		build.WithDefaultEnv(configuration.DefaultEnv),
		build.WithDefaultFlags(configuration.DefaultFlags),
		build.WithDefaultLdflags(configuration.DefaultLdflags),
		build.WithPlatforms(r.ImagePlatforms...),
		build.WithJobs(1),
		build.WithUser(user),
		build.WithCreationTime(v1.Time{Time: created}),
		build.WithKoDataCreationTime(v1.Time{Time: created}),
		build.WithSPDX("library"),
		build.WithSBOMDir(contents),
	)
	if err != nil {
		return nil, fmt.Errorf("cannot configure ko: %w", err)
	}
	return builder, nil
}

// writeLayout writes an image, or an index of images, as the only entry of an OCI layout. It returns the digest of the entry.
func writeLayout(folder string, result build.Result) (v1.Hash, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return v1.Hash{}, err
	}
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	switch entry := result.(type) {
	case v1.ImageIndex:
		err = path.AppendIndex(entry)
	case v1.Image:
		err = path.AppendImage(entry)
	default:
		err = errResult
	}
	if err != nil {
		return v1.Hash{}, err
	}
	return result.Digest()
}

// entry returns the digest of the only entry of an OCI layout, after a check of all its blobs.
func entry(folder string) (v1.Hash, error) {
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return v1.Hash{}, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	if n := len(manifest.Manifests); n != 1 {
		return v1.Hash{}, fmt.Errorf("index.json has %d entries, want 1", n)
	}
	return manifest.Manifests[0].Digest, nil
}

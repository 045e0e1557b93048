package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// module is the import path of the project.
const module = "github.com/sluice-ci/sluice"

// Names in the folder of a release.
const (
	imagesFolder   = "images"
	contentsFolder = "contents"
	checksumsFile  = "checksums.txt"
	signatureFile  = "checksums.txt.sig"
	changesFile    = "changes.md"
)

// imageNames returns the programs in cmd/ that are images of the release.
func imageNames() []string { return []string{"controller", "inpod", "inpod-spiffe", "resolvers"} }

// imagePlatforms returns the platforms of each image.
func imagePlatforms() []string { return []string{"linux/amd64", "linux/arm64"} }

// programPlatforms returns the platforms of the command line.
func programPlatforms() []string {
	return []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}
}

// platforms returns the platforms of images and programs: all, or those of a list with commas.
func platforms(only string) (images, programs []string, err error) {
	images, programs = imagePlatforms(), programPlatforms()
	if only == "" {
		return images, programs, nil
	}
	chosen := strings.Split(only, ",")
	for _, platform := range chosen {
		if !slices.Contains(programs, platform) {
			return nil, nil, fmt.Errorf("cannot build for platform %q: want some of %s", platform, strings.Join(programs, ","))
		}
	}
	other := func(platform string) bool { return !slices.Contains(chosen, platform) }
	if images = slices.DeleteFunc(images, other); len(images) == 0 {
		return nil, nil, fmt.Errorf("cannot build for %s only: the images need one of %s", only, strings.Join(imagePlatforms(), ","))
	}
	return images, slices.DeleteFunc(programs, other), nil
}

// release has the arguments of a build.
type release struct {
	// Version is a semantic version with a leading v.
	Version string
	// Project is the folder of the source, and Dist the folder in which the folder Version is created.
	Project, Dist string
	// Repository is the prefix of the image references in the manifests.
	Repository string
	// Key is the file of the private key that signs the checksums; empty: no signature.
	Key string
	// ImagePlatforms and ProgramPlatforms have the form OS/ARCHITECTURE.
	ImagePlatforms, ProgramPlatforms []string
	// Progress gets one line for each part.
	Progress io.Writer
}

// build builds the release in a temporary folder, checks it, and renames the folder when it is complete.
func (r release) build(ctx context.Context) (failed error) {
	if err := r.admit(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(r.Dist, 0o755); err != nil {
		return fmt.Errorf("cannot create folder %q: %w", r.Dist, err)
	}
	folder, err := os.MkdirTemp(r.Dist, ".unfinished-")
	if err != nil {
		return fmt.Errorf("cannot create a folder in %q: %w", r.Dist, err)
	}
	defer func() {
		if failed != nil {
			_ = os.RemoveAll(folder) // the first error is the one to report
		}
	}()
	if err := os.Chmod(folder, 0o755); err != nil {
		return fmt.Errorf("cannot change the mode of folder %q: %w", folder, err)
	}
	if err := r.fill(ctx, folder); err != nil {
		return err
	}
	r.sayf("checking the release")
	if err := verify(ctx, folder, ways(), ""); err != nil {
		return err
	}
	if err := os.Rename(folder, r.folder()); err != nil {
		return fmt.Errorf("cannot name the finished folder: %w", err)
	}
	r.sayf("the release is in %s", r.folder())
	return nil
}

// folder returns the folder of the finished release.
func (r release) folder() string { return filepath.Join(r.Dist, r.Version) }

// fill writes all files of the release into a folder.
func (r release) fill(ctx context.Context, folder string) error {
	created, err := commitTime(ctx, r.Project)
	if err != nil {
		return err
	}
	images, err := r.images(ctx, folder, created)
	if err != nil {
		return err
	}
	r.sayf("writing the manifests")
	if err := r.manifests(folder, ways(), images); err != nil {
		return err
	}
	for _, platform := range r.ProgramPlatforms {
		r.sayf("building the command line for %s", platform)
		if err := r.program(ctx, folder, platform, images); err != nil {
			return err
		}
	}
	if err := r.changes(ctx, folder, created); err != nil {
		return err
	}
	if err := writeChecksums(folder); err != nil {
		return err
	}
	if r.Key == "" {
		r.sayf("no key is given: the release has checksums, and no signature")
		return nil
	}
	return sign(folder, r.Key)
}

// sayf reports progress.
func (r release) sayf(format string, args ...any) {
	fmt.Fprintf(r.Progress, "==> "+format+"\n", args...)
}

// utc returns the day of a time, for people.
func utc(t time.Time) string { return t.UTC().Format(time.DateOnly) }

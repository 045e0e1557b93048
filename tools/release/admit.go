package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/mod/semver"
)

// listed is the maximum number of files that an error lists.
const listed = 10

// admit returns an error if the release must not be built: a wrong version, a changed tree, a tag on another commit, or a release
// that exists.
func (r release) admit(ctx context.Context) error {
	if err := admitVersion(r.Version); err != nil {
		return err
	}
	if _, err := name.NewRepository(r.Repository, name.StrictValidation); err != nil {
		return fmt.Errorf("cannot use repository %q for the images: %w", r.Repository, err)
	}
	if r.Key != "" {
		if _, err := signer(r.Key); err != nil {
			return err
		}
	}
	if _, err := os.Lstat(r.folder()); err == nil {
		return fmt.Errorf("cannot build %s: the folder %q exists; a release is never overwritten, so remove the folder first",
			r.Version, r.folder())
	}
	changed, err := git(ctx, r.Project, "status", "--porcelain", "--no-renames")
	if err != nil {
		return err
	}
	if err := admitTree(changed); err != nil {
		return fmt.Errorf("cannot build %s: %w", r.Version, err)
	}
	return r.admitTag(ctx)
}

// admitVersion returns an error unless version is a complete semantic version without build metadata.
func admitVersion(version string) error {
	switch {
	case version == "":
		return errors.New("cannot build a release without a version: give one, such as VERSION=v1.2.3")
	case !strings.HasPrefix(version, "v") && semver.IsValid("v"+version):
		return fmt.Errorf("cannot build version %q: it has no leading v; write v%s", version, version)
	case !semver.IsValid(version) || semver.Canonical(version) != version:
		return fmt.Errorf("cannot build version %q: want v, three numbers, and optionally a pre-release, such as v1.2.3 or v1.2.3-rc.1",
			version)
	default:
		return nil
	}
}

// admitTree returns an error that names the files of `git status --porcelain`.
func admitTree(status string) error {
	var files []string
	for line := range strings.Lines(status) {
		if len(line) > 3 {
			files = append(files, strings.TrimSpace(line[3:]))
		}
	}
	switch n := len(files); {
	case n == 0:
		return nil
	case n > listed:
		return fmt.Errorf("%d files differ from the commit: %s, and %d more; commit or remove them",
			n, strings.Join(files[:listed], ", "), n-listed)
	default:
		return fmt.Errorf("%d files differ from the commit: %s; commit or remove them", n, strings.Join(files, ", "))
	}
}

// admitTag returns an error if the version is the tag of another commit.
func (r release) admitTag(ctx context.Context) error {
	exists, err := git(ctx, r.Project, "tag", "--list", r.Version)
	if err != nil || strings.TrimSpace(exists) == "" {
		return err
	}
	here, err := git(ctx, r.Project, "tag", "--points-at", "HEAD", "--list", r.Version)
	if err != nil {
		return err
	}
	if strings.TrimSpace(here) == "" {
		return fmt.Errorf("cannot build %s: the tag %s is on another commit; check it out, or choose another version", r.Version, r.Version)
	}
	return nil
}

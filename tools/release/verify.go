package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

var (
	// byDigest is a reference to an image by digest.
	byDigest = regexp.MustCompile(`[^\s"'=]+/([a-z-]+)@(sha256:[0-9a-f]{64})`)
	// imageField is the image of a container.
	imageField = regexp.MustCompile(`(?m)^\s*(?:- )?image: (\S+)$`)
)

// verify returns all problems of a release: files without their checksum, images that differ from the manifests, and, with a public key, a
// wrong signature. Without any of these it runs the command line for this machine, which must work.
func verify(ctx context.Context, folder string, list []way, keyFile string) error {
	problems := []error{verifyChecksums(folder)}
	for _, program := range imageNames() {
		problems = append(problems, verifyLayout(filepath.Join(folder, imagesFolder, program)))
	}
	for _, w := range list {
		text, err := os.ReadFile(filepath.Join(folder, w.File))
		if err != nil {
			problems = append(problems, fmt.Errorf("cannot read a manifest: %w", err))
			continue
		}
		if err := verifyManifest(string(text), filepath.Join(folder, imagesFolder)); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", w.File, err))
		}
	}
	if keyFile != "" {
		problems = append(problems, verifySignature(folder, keyFile))
	}
	if err := errors.Join(problems...); err != nil {
		return err // a program that another person may have put there is not run
	}
	return verifyProgram(ctx, folder)
}

// verifyLayout checks that an OCI layout has all its blobs, with their digests.
func verifyLayout(folder string) error {
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return fmt.Errorf("cannot read the OCI layout %q: %w", folder, err)
	}
	if err := validate.Index(index); err != nil {
		return fmt.Errorf("the OCI layout %q is wrong: %w", folder, err)
	}
	return nil
}

// verifyManifest checks that each image in a manifest is given by digest, and is the one in the folder of the images.
func verifyManifest(text, images string) error {
	var problems []error
	if left := imageReference.FindString(text); left != "" {
		problems = append(problems, fmt.Errorf("has %q, which is not an image", left))
	}
	for _, field := range imageField.FindAllStringSubmatch(text, -1) {
		if !byDigest.MatchString(field[1]) {
			problems = append(problems, fmt.Errorf("has the image %q, want one by digest", field[1]))
		}
	}
	for _, found := range byDigest.FindAllStringSubmatch(text, -1) {
		digest, err := entry(filepath.Join(images, found[1]))
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("cannot find image %q in the release: %w", found[0], err))
		case digest.String() != found[2]:
			problems = append(problems, fmt.Errorf("has the image %q, and the release has %s", found[0], digest))
		}
	}
	return errors.Join(problems...)
}

// verifyProgram runs the command line for this machine, if the release has one. It must print the version of the release.
func verifyProgram(ctx context.Context, folder string) error {
	file := filepath.Join(folder, programName(runtime.GOOS+"/"+runtime.GOARCH))
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	output, err := exec.CommandContext(ctx, file, "--version").CombinedOutput() //nolint:gosec // a program of the named release
	if err != nil {
		return fmt.Errorf("cannot run %q: %w\n%s", file, err, output)
	}
	version, err := versionOf(folder)
	if err != nil {
		return err
	}
	// "sluice version VERSION", and then the commit or a comma.
	if words := strings.Fields(string(output)); len(words) < 3 || strings.TrimSuffix(words[2], ",") != version {
		return fmt.Errorf("%q prints %q, want the version %s", file, strings.TrimSpace(string(output)), version)
	}
	return nil
}

// versionOf returns the version of a release, from the first line of its changes.
func versionOf(folder string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, changesFile))
	if err != nil {
		return "", fmt.Errorf("cannot read the version of the release: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	version, ok := strings.CutPrefix(line, "# Sluice ")
	if !ok {
		return "", fmt.Errorf("cannot read the version of the release: the first line of %s is %q", changesFile, line)
	}
	return version, nil
}

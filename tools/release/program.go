package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// programName returns the name of the command line for a platform.
func programName(platform string) string {
	name := commandLine + "-" + strings.ReplaceAll(platform, "/", "-")
	if strings.HasPrefix(platform, "windows/") {
		name += ".exe"
	}
	return name
}

// program builds the command line for a platform. It knows the version, and the images of the release.
func (r release) program(ctx context.Context, folder, platform string, images map[string]string) error {
	goos, goarch, _ := strings.Cut(platform, "/")
	file, err := filepath.Abs(filepath.Join(folder, programName(platform)))
	if err != nil {
		return fmt.Errorf("cannot find folder %q: %w", folder, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags", r.linkerFlags(images), "-o", file,
		"./cmd/"+commandLine)
	cmd.Dir = r.Project
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cannot build the command line for %s: %w\n%s", platform, err, &output)
	}
	return nil
}

// linkerFlags returns the flags that record the version and the images in a program.
func (r release) linkerFlags(images map[string]string) string {
	var list []string
	for _, program := range slices.Sorted(maps.Keys(images)) {
		list = append(list, program+"="+images[program])
	}
	return fmt.Sprintf("-s -w -X %[1]s/internal/version.number=%[2]s -X %[1]s/internal/cli/cmd/install/bundle.released=%[3]s",
		module, r.Version, strings.Join(list, ","))
}

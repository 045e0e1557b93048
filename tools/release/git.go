package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// git runs a git command that only reads, and returns its output.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cannot run git %s in %q: %w: %s", args[0], folder, err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// commitTime returns the time of the current commit. Every time in a release is this one, so that two builds are the same.
func commitTime(ctx context.Context, folder string) (time.Time, error) {
	out, err := git(ctx, folder, "log", "-1", "--format=%ct")
	if err != nil {
		return time.Time{}, err
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot read the time of the commit: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// Modules writes the input data of the example pipeline, which turns it into a software bill of materials. There is one line
// for each Go module that the given modules are built from, with its version, digest, licenses and users.
//
// usage: modules FOLDER… > modules.tsv
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/hack/demo/internal/gomod"
	"github.com/sluice-ci/sluice/hack/demo/internal/license"
)

// maxConfigMap is the maximum size of a ConfigMap's data in bytes (API server: 1 MiB).
const maxConfigMap = 1 << 20

// noAssertion is the SPDX value for "not known".
const noAssertion = "NOASSERTION"

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dirs []string, out io.Writer) error {
	if len(dirs) == 0 {
		return fmt.Errorf("no folder given; usage: modules FOLDER…")
	}
	var lists [][]gomod.Module
	for _, dir := range dirs {
		list, err := gomod.Read(dir)
		if err != nil {
			return err
		}
		lists = append(lists, list)
	}
	cache, err := moduleCache(ctx)
	if err != nil {
		return err
	}
	var table strings.Builder
	for _, m := range gomod.Merge(lists...) {
		licenses, err := licensesOf(cache, m)
		if err != nil {
			return err
		}
		table.WriteString(line(m, licenses))
	}
	if table.Len() > maxConfigMap {
		return fmt.Errorf("the table has %d bytes and a ConfigMap holds %d: list fewer modules", table.Len(), maxConfigMap)
	}
	_, err = io.WriteString(out, table.String())
	return err
}

// line formats one module for the example's Task: fields separated by tabs, lists by commas.
func line(m gomod.Module, licenses []string) string {
	kind := "indirect"
	if m.Direct {
		kind = "direct"
	}
	fields := []string{m.Path, m.Version, m.Sum, strings.Join(licenses, ","), kind, strings.Join(m.UsedBy, ",")}
	return strings.Join(fields, "\t") + "\n"
}

// licensesOf returns the licenses of a module. It returns NOASSERTION for an unknown license. It also does so for a module
// that is not in the module cache, such as a module of a tool that was not built on this machine.
func licensesOf(cache string, m gomod.Module) ([]string, error) {
	name, err := m.CacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, filepath.FromSlash(name))
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return []string{noAssertion}, nil
	}
	licenses, err := license.Module(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("cannot find the license of module %q: %w", m.Path, err)
	}
	if len(licenses) == 0 {
		return []string{noAssertion}, nil
	}
	return licenses, nil
}

func moduleCache(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("cannot find the module cache of go: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Modules writes the data that the example pipeline makes a software bill of materials of: one line for each Go module
// that the given modules are built from, with its version, digest, licences and users.
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
	"github.com/sluice-ci/sluice/hack/demo/internal/licence"
)

// maxConfigMap is the most that a ConfigMap can hold, in bytes (API server: 1 MiB of data).
const maxConfigMap = 1 << 20

// noAssertion is what SPDX says for "not known".
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
		licences, err := licencesOf(cache, m)
		if err != nil {
			return err
		}
		table.WriteString(line(m, licences))
	}
	if table.Len() > maxConfigMap {
		return fmt.Errorf("the table has %d bytes and a ConfigMap holds %d: list fewer modules", table.Len(), maxConfigMap)
	}
	_, err = io.WriteString(out, table.String())
	return err
}

// line is one module as the example's Task reads it: fields with a tab between them, lists with commas.
func line(m gomod.Module, licences []string) string {
	kind := "indirect"
	if m.Direct {
		kind = "direct"
	}
	fields := []string{m.Path, m.Version, m.Sum, strings.Join(licences, ","), kind, strings.Join(m.UsedBy, ",")}
	return strings.Join(fields, "\t") + "\n"
}

// licencesOf returns NOASSERTION for a module that was never fetched, such as one of a tool that this machine did not
// build, as it does for a licence that is not recognised.
func licencesOf(cache string, m gomod.Module) ([]string, error) {
	name, err := m.CacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, filepath.FromSlash(name))
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return []string{noAssertion}, nil
	}
	licences, err := licence.Module(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("cannot tell licence of module %q: %w", m.Path, err)
	}
	if len(licences) == 0 {
		return []string{noAssertion}, nil
	}
	return licences, nil
}

func moduleCache(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return "", fmt.Errorf("cannot ask go for its module cache: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

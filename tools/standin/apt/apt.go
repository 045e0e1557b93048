// Package apt downloads packages from the Debian archive without installing them. apt resolves dependencies, downloads and
// verifies signatures. Its state and downloads are in a separate folder, so it needs neither root nor the package lists of the
// machine, and changes nothing on the machine.
package apt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Apt is a source of packages.
type Apt struct {
	dir    string
	config []string
	run    runner
}

// runner runs a command in a folder and returns its standard output.
type runner func(ctx context.Context, dir, command string, args ...string) ([]byte, error)

// assumed returns packages that no image needs: those that install and configure packages, and those that only maintainer
// scripts use. The scripts do not run here. apt treats them as installed, so it does not download them.
func assumed() []string {
	return []string{"debconf", "dpkg", "init-system-helpers", "passwd", "usr-is-merged", "usrmerge"}
}

// New returns a source that keeps its files in dir. It fails if the machine has no apt.
func New(dir string) (*Apt, error) {
	for _, program := range []string{"apt-get", "dpkg-deb"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("cannot download Debian packages: %s is not installed: %w", program, err)
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot find folder %q: %w", dir, err)
	}
	a := &Apt{dir: dir, run: run}
	return a, a.prepare()
}

// prepare writes the configuration of apt.
func (a *Apt) prepare() error {
	for _, folder := range []string{"lists/partial", "archives/partial", "nothing/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, folder), 0o755); err != nil {
			return fmt.Errorf("cannot create folder: %w", err)
		}
	}
	var status strings.Builder
	for _, name := range assumed() {
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nArchitecture: %s\nMulti-Arch: foreign\nVersion: 9999\n\n",
			name, runtime.GOARCH)
	}
	files := map[string]string{
		"status": status.String(),
		// Use only packages from Debian, even if the machine has other sources.
		"preferences": "Package: *\nPin: release o=Debian\nPin-Priority: 1001\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot write file: %w", err)
		}
	}
	a.config = []string{
		"-o", "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"-o", "Dir::State::lists=" + filepath.Join(a.dir, "lists"),
		"-o", "Dir::Etc::preferences=" + filepath.Join(a.dir, "preferences"),
		"-o", "Dir::Etc::preferencesparts=-",
		"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
		"-o", "Acquire::Languages=none",
		"-o", "APT::Architecture=" + runtime.GOARCH,
		"-o", "APT::Install-Recommends=false",
		"-o", "APT::Sandbox::User=root",
		"-o", "Debug::NoLocking=true",
		"-o", "Dpkg::Use-Pty=false",
	}
	return nil
}

// Closure downloads the packages and their dependencies, and returns them in the order in which to unpack them.
func (a *Apt) Closure(ctx context.Context, names ...string) ([]Package, error) {
	install := func(archives string, more ...string) []string {
		args := append([]string{"-y", "-o", "Dir::Cache::archives=" + filepath.Join(a.dir, archives)}, more...)
		return append(append(args, "install"), names...)
	}
	return a.fetch(ctx, names, func() ([]byte, error) {
		if _, err := a.apt(ctx, a.dir, install("archives", "--download-only")...); err != nil {
			return nil, err
		}
		return a.apt(ctx, a.dir, install("nothing", "--print-uris")...)
	})
}

// Alone downloads the packages without their dependencies, for programs that are linked statically.
func (a *Apt) Alone(ctx context.Context, names ...string) ([]Package, error) {
	archives := filepath.Join(a.dir, "archives")
	return a.fetch(ctx, names, func() ([]byte, error) {
		if _, err := a.apt(ctx, archives, append([]string{"download"}, names...)...); err != nil {
			return nil, err
		}
		return a.apt(ctx, filepath.Join(a.dir, "nothing"), append([]string{"--print-uris", "download"}, names...)...)
	})
}

// fetch downloads packages. It updates the package lists first if there are none, and again if the download fails, because the
// archive removes packages that old lists name.
func (a *Apt) fetch(ctx context.Context, names []string, download func() ([]byte, error)) ([]Package, error) {
	fresh := false
	if indexes, err := filepath.Glob(filepath.Join(a.dir, "lists", "*Packages*")); err != nil || len(indexes) == 0 {
		if err := a.update(ctx); err != nil {
			return nil, err
		}
		fresh = true
	}
	out, err := download()
	if err != nil && !fresh {
		if updateErr := a.update(ctx); updateErr != nil {
			return nil, errors.Join(err, updateErr)
		}
		out, err = download()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot download packages %q: %w", names, err)
	}
	return parse(out, filepath.Join(a.dir, "archives"))
}

func (a *Apt) update(ctx context.Context) error {
	if _, err := a.apt(ctx, a.dir, "update", "--error-on=any"); err != nil {
		return fmt.Errorf("cannot read the package lists of Debian: %w", err)
	}
	return nil
}

func (a *Apt) apt(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return a.run(ctx, dir, "apt-get", append(append([]string{"-q", "-q"}, a.config...), args...)...)
}

// run is the runner for programs. The error contains the standard error of the program.
func run(ctx context.Context, dir, command string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(problems.String()))
	}
	return out.Bytes(), nil
}

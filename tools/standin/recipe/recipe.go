// Package recipe describes each stand-in: its packages, what their installation does besides unpacking, and the configuration
// of the real image.
package recipe

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/tools/standin/rootfs"
)

// Recipe is a stand-in for the image docker.io/library/<Name>.
type Recipe struct {
	Name string
	// Layers from the bottom up. Layers with the same name are the same in every image.
	Layers []Layer
	// Config is the configuration of the real image.
	Config v1.Config
	// Asked reports that there is no such public image: it is built only if it is named.
	Asked bool
}

// Layer is one layer of an image.
type Layer struct {
	Name string
	// Packages are the names of Debian packages. Packages of lower layers are left out.
	Packages []string
	// Alone leaves out dependencies, because the programs are linked statically.
	Alone bool
	// Settle does what the installation would do after unpacking. It gets only the files of this layer.
	Settle func(context.Context, *rootfs.Tree) error
}

// All returns all recipes, sorted by name.
func All() []Recipe {
	return []Recipe{
		{Name: "alpine", Layers: []Layer{busybox()}, Config: config([]string{"/bin/sh"})},
		{Name: "bash", Layers: []Layer{busybox(), bash()}, Config: config([]string{"bash"}, "docker-entrypoint.sh")},
		{Name: "busybox", Layers: []Layer{busybox()}, Config: config([]string{"sh"})},
		{Name: "forge", Layers: []Layer{debian(), forge()}, Config: config([]string{"/bin/bash"}), Asked: true},
		{Name: "node", Layers: []Layer{debian(), node()}, Config: config([]string{"node"}, "docker-entrypoint.sh")},
		{Name: "perl", Layers: []Layer{debian(), perl()}, Config: config([]string{"perl", "-de0"})},
		{Name: "python", Layers: []Layer{debian(), python()}, Config: config([]string{"python3"})},
		{Name: "ubuntu", Layers: []Layer{debian()}, Config: config([]string{"/bin/bash"})},
	}
}

// Find returns the recipes with the given names, in their order; without a name all those of public images.
func Find(names ...string) ([]Recipe, error) {
	all := All()
	if len(names) == 0 {
		names = Names()
	}
	found := make([]Recipe, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(all, func(r Recipe) bool { return r.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("cannot build a stand-in for %q: want one of %s", name, strings.Join(Names(), ", "))
		}
		found = append(found, all[i])
	}
	return found, nil
}

// Names returns the names of all stand-ins for public images, sorted.
func Names() []string {
	var names []string
	for _, r := range All() {
		if !r.Asked {
			names = append(names, r.Name)
		}
	}
	return names
}

func config(cmd []string, entrypoint ...string) v1.Config {
	return v1.Config{
		Entrypoint: entrypoint,
		Cmd:        cmd,
		Env:        []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
	}
}

// users is /etc/passwd of images without the users of Debian.
const users = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`

// groups is /etc/group of images without the groups of Debian.
const groups = `root:x:0:
daemon:x:1:
bin:x:2:
nogroup:x:65534:
`

// busybox is one program with a link for each of its commands, at the usual path of the command.
func busybox() Layer {
	return Layer{Name: "busybox", Packages: []string{"busybox-static"}, Alone: true, Settle: func(ctx context.Context, t *rootfs.Tree) error {
		t.Merged()
		for _, folder := range []string{"etc", "home", "root", "usr", "usr/local", "usr/local/bin", "var"} {
			t.Dir(folder, 0o755)
		}
		t.Dir("tmp", 0o1777)
		t.Dir("var/tmp", 0o1777)
		t.File("etc/passwd", users, 0o644)
		t.File("etc/group", groups, 0o644)
		t.Remove("usr/share/initramfs-tools")
		program, err := t.Read("bin/busybox")
		if err != nil {
			return err
		}
		commands, err := applets(ctx, program)
		for _, path := range commands {
			t.Link(path, "/bin/busybox")
		}
		return err
	}}
}

// applets runs the program to list the paths of its commands.
func applets(ctx context.Context, program string) ([]string, error) {
	dir, err := os.MkdirTemp("", "standin-")
	if err != nil {
		return nil, fmt.Errorf("cannot create folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "busybox")
	if err := os.WriteFile(path, []byte(program), 0o700); err != nil {
		return nil, fmt.Errorf("cannot write program: %w", err)
	}
	out, err := exec.CommandContext(ctx, path, "--list-full").Output()
	if err != nil {
		return nil, fmt.Errorf("cannot list the commands of busybox: %w", err)
	}
	commands := strings.Fields(string(out))
	// Leave out busybox, and the command for early boot.
	return slices.DeleteFunc(commands, func(c string) bool { return c == "bin/busybox" || c == "linuxrc" }), nil
}

// bash adds bash to busybox. As in the real image, bash is below /usr/local and sh is busybox.
func bash() Layer {
	return Layer{Name: "bash", Packages: []string{"bash-static"}, Alone: true, Settle: func(_ context.Context, t *rootfs.Tree) error {
		t.Remove("usr/share/debianutils")
		t.Link("usr/local/bin/bash", "/bin/bash-static")
		t.File("usr/local/bin/docker-entrypoint.sh", bashEntrypoint, 0o755)
		return nil
	}}
}

const bashEntrypoint = `#!/usr/bin/env bash
# Options are for bash; anything else is a command.
case ${1:--} in
-*) set -- bash "$@" ;;
esac
exec "$@"
`

// debian is a small system with the usual commands.
func debian() Layer {
	packages := []string{
		"base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "diffutils", "findutils", "grep", "gzip",
		"hostname", "libc-bin", "mawk", "procps", "sed", "tar",
	}
	return Layer{Name: "debian", Packages: packages, Settle: func(_ context.Context, t *rootfs.Tree) error {
		t.Merged()
		for _, name := range []string{"passwd", "group"} {
			text, err := t.Read("usr/share/base-passwd/" + name + ".master")
			if err != nil {
				return err
			}
			// The star of the original forbids logins with a password.
			t.File("etc/"+name, strings.ReplaceAll(text, ":*:", ":x:"), 0o644)
		}
		t.Dir("usr/local", 0o755)
		t.Dir("usr/local/bin", 0o755)
		t.Link("usr/bin/awk", "mawk")
		return nil
	}}
}

// forge has the servers that the tests of resolvers read from: git over HTTP and SSH, and files over HTTP, with TLS. The tests
// bring their configuration. The package lsb-base saves the alternative to it, which is a whole init system.
func forge() Layer {
	packages := []string{"git", "lighttpd", "lighttpd-mod-openssl", "lsb-base", "openssh-server", "sysvinit-utils"}
	return Layer{Name: "forge", Packages: packages}
}

func python() Layer {
	return Layer{Name: "python", Packages: []string{"python3"}, Settle: func(_ context.Context, t *rootfs.Tree) error {
		t.Link("usr/local/bin/python", "/usr/bin/python3")
		return nil
	}}
}

func perl() Layer { return Layer{Name: "perl", Packages: []string{"perl"}} }

func node() Layer {
	return Layer{Name: "node", Packages: []string{"nodejs"}, Settle: func(_ context.Context, t *rootfs.Tree) error {
		t.File("usr/local/bin/docker-entrypoint.sh", nodeEntrypoint, 0o755)
		return nil
	}}
}

const nodeEntrypoint = `#!/bin/sh
# Options and scripts are for node; anything that can be run is a command.
case ${1:--} in
-*) set -- node "$@" ;;
*) command -v "$1" >/dev/null || set -- node "$@" ;;
esac
exec "$@"
`

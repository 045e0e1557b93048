// Package node prepares the environment of a node's components, within the namespaces that the supervisor was started in:
// private mounts, control groups, and the few machine-wide settings that a node needs. What is private disappears with the
// supervisor. The rest is recorded, and Leave reverts it.
package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/dns"
)

// privateFolders maps paths that components require to the cluster's folders that are mounted there.
func privateFolders(c component.Cluster) map[string]string {
	return map[string]string{
		component.KubeletRoot:     c.Home().Kubelet(),
		component.ContainerLogs:   c.Home().ContainerLogs(),
		component.HostPathVolumes: c.Dir.Volumes(), // every node has every volume, as with a file server
	}
}

// SetUpMounts turns the mount namespace of the caller into that of a node.
func SetUpMounts(c component.Cluster) error {
	// Mounts of the host are visible here. Mounts made here are visible only in containers that request it, and not on the
	// host.
	for _, propagation := range []uintptr{unix.MS_SLAVE, unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", unix.MS_REC|propagation, ""); err != nil {
			return fmt.Errorf("cannot make mounts private: %w", err)
		}
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("cannot mount /proc: %w", err)
	}
	if err := writeResolvConf(c); err != nil {
		return err
	}
	target, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot find /etc/resolv.conf: %w", err)
	}
	if err := unix.Mount("localkube", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("cannot mount /run: %w", err)
	}
	if target != "" {
		if err := bindFile(c.ResolvConf(), target); err != nil {
			return err
		}
	}
	for path, folder := range privateFolders(c) {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("cannot create directory %q: %w", folder, err)
		}
		if err := unix.Mount(folder, path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cannot mount %q: %w", path, err)
		}
	}
	return nil
}

// writeResolvConf writes the node's resolver configuration: that of the host, with our name server. A missing configuration
// counts as an empty one.
func writeResolvConf(c component.Cluster) error {
	content, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read the host's resolver configuration: %w", err)
	}
	text := dns.Redirect(string(content), c.Uplink.Node)
	if err := os.WriteFile(c.ResolvConf(), []byte(text), 0o644); err != nil {
		return fmt.Errorf("cannot write %q: %w", c.ResolvConf(), err)
	}
	return nil
}

// bindFile mounts source at target. The mount over /run may have hidden the target.
func bindFile(source, target string) error {
	if strings.HasPrefix(target, "/run/") {
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("cannot create the folder of %q: %w", target, err)
		}
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return fmt.Errorf("cannot create %q: %w", target, err)
		}
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot mount %q: %w", target, err)
	}
	return nil
}

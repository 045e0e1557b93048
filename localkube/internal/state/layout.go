// Package state is what is kept about a cluster between two commands: where its files lie, which ports it has and which
// processes it consists of.
package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is the directory of a cluster; everything that the cluster writes on disk lies below it.
type Dir string

// DefaultDir is the directory of a cluster for which none was named: localkube in the user's state directory,
// as the XDG Base Directory Specification has it.
func DefaultDir() (Dir, error) {
	if base := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return Dir(filepath.Join(base, "localkube")), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cannot find the home directory, use --dir: %w", err)
	}
	return Dir(filepath.Join(home, ".local", "state", "localkube")), nil
}

// ID tells clusters apart in names that the whole machine sees: links, control groups, tables.
// It is eight hexadecimal digits, the same for the same directory.
func (d Dir) ID() string {
	sum := sha256.Sum256([]byte(d))
	return hex.EncodeToString(sum[:4])
}

// Path is the path of a file or folder in the directory. What lies directly in the directory is one of entries.
func (d Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{string(d)}, elements...)...)
}

// PKI is the folder of certificates and keys.
func (d Dir) PKI() string { return d.Path("pki") }

// Cert is the path of a certificate.
func (d Dir) Cert(name string) string { return d.Path("pki", name+".crt") }

// Key is the path of a private key.
func (d Dir) Key(name string) string { return d.Path("pki", name+".key") }

// PublicKey is the path of the public half of a key that no certificate holds.
func (d Dir) PublicKey(name string) string { return d.Path("pki", name+".pub") }

// Config is the path of a component's configuration file.
func (d Dir) Config(name string) string { return d.Path("config", name) }

// Log is the path of a component's log.
func (d Dir) Log(name string) string { return d.Path("logs", name+".log") }

// Control is the path of the socket on which the supervisor takes orders.
func (d Dir) Control() string { return d.Path("control.sock") }

// Kubeconfig is the path of the client configuration of the cluster's administrator.
func (d Dir) Kubeconfig() string { return d.Path("kubeconfig") }

// Etcd is the folder of what the API server stores.
func (d Dir) Etcd() string { return d.Path("etcd") }

// Registry is the folder of the image registry.
func (d Dir) Registry() string { return d.Path("registry") }

// Containerd is the folder of pulled images and of containers' file systems.
func (d Dir) Containerd() string { return d.Path("containerd") }

// Kubelet is the folder that stands in for the kubelet's on the node.
func (d Dir) Kubelet() string { return d.Path("kubelet") }

// FlexVolumes is the folder of volume plug-ins; it has none.
func (d Dir) FlexVolumes() string { return d.Path("flexvolume") }

// PodLogs is the folder of the containers' logs, by pod.
func (d Dir) PodLogs() string { return d.Path("pod-logs") }

// ContainerLogs is the folder of links to the containers' logs, by container.
func (d Dir) ContainerLogs() string { return d.Path("container-logs") }

// Volumes is the folder of the default storage class.
func (d Dir) Volumes() string { return d.Path("volumes") }

// entries lists everything that a cluster writes directly into its directory, and that Remove may therefore remove. The
// state comes last: a removal that was interrupted can be repeated.
func entries() []string {
	return []string{
		"config", "logs", "pki", "kubeconfig", "control.sock", "etcd", "registry", "containerd", "kubelet", "flexvolume", "pod-logs",
		"container-logs",
		"volumes",
		componentsFile + newSuffix,
		componentsFile,
		clusterFile + newSuffix,
		clusterFile,
		markFile + newSuffix,
		markFile,
	}
}

// Resolve returns the directory that path names: absolute, and without symbolic links, so that one directory has one
// name. It need not exist.
func Resolve(path string) (Dir, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("cannot resolve directory %q: %w", path, err)
	}
	missing := ""
	for existing := absolute; ; existing = filepath.Dir(existing) {
		resolved, err := filepath.EvalSymlinks(existing)
		if err == nil {
			return Dir(filepath.Join(resolved, missing)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("cannot resolve directory %q: %w", path, err)
		}
		if _, err := os.Lstat(existing); err == nil {
			return "", fmt.Errorf("cannot resolve directory %q: %q is a symbolic link to a path that does not exist", path, existing)
		}
		missing = filepath.Join(filepath.Base(existing), missing)
	}
}

// Make creates the folders that are always there, in a directory that was claimed.
func (d Dir) Make() error {
	for _, folder := range []string{"", "config", "logs"} {
		if err := os.MkdirAll(d.Path(folder), 0o755); err != nil {
			return fmt.Errorf("cannot create directory %q: %w", d.Path(folder), err)
		}
	}
	return nil
}

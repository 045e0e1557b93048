// Package state holds what is stored about a cluster between two commands: the paths of its files, its ports and its
// processes.
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

// Dir is the directory of a cluster. All files that the cluster writes are below it.
type Dir string

// DefaultDir returns the directory of a cluster without --dir: localkube in the user's state directory, as the XDG Base
// Directory Specification defines it.
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

// ID identifies the cluster in names that are visible on the whole machine: links, control groups, tables. It has eight
// hexadecimal digits, the same for the same directory.
func (d Dir) ID() string {
	sum := sha256.Sum256([]byte(d))
	return hex.EncodeToString(sum[:4])
}

// Path returns the path of a file or folder in the directory. The direct entries of the directory are those of entries.
func (d Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{string(d)}, elements...)...)
}

// PKI returns the folder of certificates and keys.
func (d Dir) PKI() string { return d.Path("pki") }

// Cert returns the path of a certificate.
func (d Dir) Cert(name string) string { return d.Path("pki", name+".crt") }

// Key returns the path of a private key.
func (d Dir) Key(name string) string { return d.Path("pki", name+".key") }

// PublicKey returns the path of the public half of a key that has no certificate.
func (d Dir) PublicKey(name string) string { return d.Path("pki", name+".pub") }

// Config returns the path of a component's configuration file.
func (d Dir) Config(name string) string { return d.Path("config", name) }

// Log returns the path of a component's log.
func (d Dir) Log(name string) string { return d.Path("logs", name+".log") }

// Audit returns the path of the log of requests that change objects.
func (d Dir) Audit() string { return d.Log("audit") }

// Control returns the path of the socket on which the supervisor accepts orders.
func (d Dir) Control() string { return d.Path("control.sock") }

// Kubeconfig returns the path of the client configuration of the cluster's administrator.
func (d Dir) Kubeconfig() string { return d.Path("kubeconfig") }

// Node returns the directory of a node other than the first, below the cluster's. Its files have the same names as those of the
// first node, which are in the cluster's directory itself.
func (d Dir) Node(name string) Dir { return Dir(d.Path("nodes", name)) }

// Etcd returns the folder of etcd's data.
func (d Dir) Etcd() string { return d.Path("etcd") }

// Registry returns the folder of the image registry.
func (d Dir) Registry() string { return d.Path("registry") }

// Containerd returns the folder of pulled images and of containers' file systems.
func (d Dir) Containerd() string { return d.Path("containerd") }

// Kubelet returns the folder that is mounted over the kubelet's folder on the node.
func (d Dir) Kubelet() string { return d.Path("kubelet") }

// FlexVolumes returns the folder of volume plug-ins, which is empty.
func (d Dir) FlexVolumes() string { return d.Path("flexvolume") }

// PodLogs returns the folder of the containers' logs, by pod.
func (d Dir) PodLogs() string { return d.Path("pod-logs") }

// ContainerLogs returns the folder of links to the containers' logs, by container.
func (d Dir) ContainerLogs() string { return d.Path("container-logs") }

// Volumes returns the folder of the default storage class.
func (d Dir) Volumes() string { return d.Path("volumes") }

// entries lists everything that a cluster writes directly into its directory, and that Remove may therefore remove. The state
// comes last, so that an interrupted removal can be repeated.
func entries() []string {
	return []string{
		"config", "logs", "pki", "kubeconfig", "control.sock", "etcd", "registry", "containerd", "kubelet", "flexvolume", "pod-logs",
		"container-logs",
		"volumes",
		"nodes",
		componentsFile + newSuffix,
		componentsFile,
		clusterFile + newSuffix,
		clusterFile,
		markFile + newSuffix,
		markFile,
	}
}

// Resolve returns the directory of path: absolute, and without symbolic links, so that one directory has one name. The
// directory need not exist.
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

// Make creates the folders that every cluster has, in a claimed directory.
func (d Dir) Make() error {
	for _, folder := range []string{"", "config", "logs"} {
		if err := os.MkdirAll(d.Path(folder), 0o755); err != nil {
			return fmt.Errorf("cannot create directory %q: %w", d.Path(folder), err)
		}
	}
	return nil
}

// Package state is what is kept about a cluster between two commands: where its files lie, which ports it has and which processes it consists of.
package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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

// Path is the path of a file or folder in the directory.
func (d Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{string(d)}, elements...)...)
}

// PKI is the folder of certificates and keys.
func (d Dir) PKI() string { return d.Path("pki") }

// Cert is the path of a certificate.
func (d Dir) Cert(name string) string { return d.Path("pki", name+".crt") }

// Key is the path of a private key.
func (d Dir) Key(name string) string { return d.Path("pki", name+".key") }

// Config is the path of a component's configuration file.
func (d Dir) Config(name string) string { return d.Path("config", name) }

// Log is the path of a component's log.
func (d Dir) Log(name string) string { return d.Path("logs", name+".log") }

// Control is the path of the socket on which the supervisor takes orders.
func (d Dir) Control() string { return d.Path("control.sock") }

// Kubeconfig is the path of the client configuration of the cluster's administrator.
func (d Dir) Kubeconfig() string { return d.Path("kubeconfig") }

// Make creates the directory with the folders that are always there.
func (d Dir) Make() error {
	for _, folder := range []string{"", "config", "logs"} {
		if err := os.MkdirAll(d.Path(folder), 0o755); err != nil {
			return fmt.Errorf("cannot create directory %q: %w", d.Path(folder), err)
		}
	}
	return nil
}

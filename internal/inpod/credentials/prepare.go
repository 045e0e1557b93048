//go:build linux

// This file reads secrets, as only code in pods does. The type Credential compiles for every platform of the command line.

package credentials

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
)

// Place is the source and the destination of credentials.
type Place struct {
	// Secrets has a folder for each secret, with a file for each key.
	Secrets string
	// Dir is the directory of the created files. It belongs to the step.
	Dir string
	// Homes are directories to which the files are also copied, except those that are empty or not writable. The first is
	// that of the environment; a warning is printed if it cannot be used.
	Homes []string
}

// The files of a home directory.
const (
	gitConfig      = ".gitconfig"
	gitCredentials = ".git-credentials"
	sshDir         = ".ssh"
	dockerDir      = ".docker"
)

// maxKey is the maximum length in bytes of a key of a secret. Kubernetes permits no more.
const maxKey = 1 << 20

// Prepare creates the files. The error names the secret that cannot be used. Warnings go to stderr.
func Prepare(list []Credential, place Place, stderr io.Writer) error {
	files, err := render(list, place)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := f.write(place.Dir); err != nil {
			return fmt.Errorf("cannot create file %q with the service account's credentials: %w", f.path, err)
		}
	}
	for i, home := range place.Homes {
		if home == "" || filepath.Clean(home) == filepath.Clean(place.Dir) {
			continue
		}
		if err := install(files, home); err != nil && i == 0 {
			// A failed write to stderr cannot be reported.
			_, _ = fmt.Fprintf(stderr, "entrypoint: cannot copy the service account's credentials to the home directory %q: %v; "+
				"they are in %s\n", home, err, place.Dir)
		}
	}
	return nil
}

// key reads a key of a secret. If it does not exist it returns an error, or nil if the key is optional.
func (p Place) key(c Credential, name string, optional bool) ([]byte, error) {
	b, err := securefile.ReadHead(filepath.Join(p.Secrets, c.Secret, name), maxKey)
	if errors.Is(err, fs.ErrNotExist) && optional {
		return nil, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot use secret %q of the service account: it has no key %q", c.Secret, name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read key %q of secret %q of the service account: %w", name, c.Secret, err)
	}
	return b, nil
}

// Package credentials converts the secrets of a service account into the files that git, ssh and the clients of registries
// read in the home directory of the step's user.
//
// The content of secrets is only in those files: no error and no message contains any of it.
package credentials

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/inpod/securefile"
)

// Kind is the kind and the purpose of a secret.
type Kind string

// The kinds of credentials.
const (
	// GitBasic is a user and a password (kubernetes.io/basic-auth) for git over HTTP.
	GitBasic Kind = "git-basic"
	// GitSSH is a private key (kubernetes.io/ssh-auth), optionally with known_hosts, for git over SSH.
	GitSSH Kind = "git-ssh"
	// DockerBasic is a user and a password (kubernetes.io/basic-auth) for a registry.
	DockerBasic Kind = "docker-basic"
	// DockerConfig is the configuration of a registry's client (kubernetes.io/dockerconfigjson).
	DockerConfig Kind = "docker-config"
	// DockerCfg is the older form of DockerConfig (kubernetes.io/dockercfg).
	DockerCfg Kind = "docker-cfg"
)

// forURL reports whether credentials of this kind are for one host, which is given in addition to the secret.
func (k Kind) forURL() bool { return k == GitBasic || k == GitSSH || k == DockerBasic }

// Credential is a secret and its purpose. In the arguments of a container it is the text KIND:SECRET or KIND:SECRET=URL.
type Credential struct {
	Kind Kind
	// Secret is the name of the secret, and of the folder with its keys as files.
	Secret string
	// URL is the host, as in the annotation of the secret; empty for DockerConfig and DockerCfg, which contain their hosts.
	URL string
}

// String returns the text that Parse parses.
func (c Credential) String() string {
	if !c.Kind.forURL() {
		return string(c.Kind) + ":" + c.Secret
	}
	return string(c.Kind) + ":" + c.Secret + "=" + c.URL
}

// Parse parses a text of String.
func Parse(text string) (Credential, error) {
	kind, rest, ok := strings.Cut(text, ":")
	secret, url, hasURL := strings.Cut(rest, "=")
	c := Credential{Kind(kind), secret, url}
	switch c.Kind {
	case GitBasic, GitSSH, DockerBasic, DockerConfig, DockerCfg:
	default:
		ok = false
	}
	if !ok || hasURL != c.Kind.forURL() || secret == "" || strings.ContainsAny(secret, "/\x00") || secret == "." || secret == ".." {
		return Credential{}, fmt.Errorf("cannot parse credential %q: it must be KIND:SECRET or KIND:SECRET=URL", text)
	}
	return c, nil
}

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

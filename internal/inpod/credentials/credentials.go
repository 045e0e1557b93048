// Package credentials makes the secrets of a service account ready for git, ssh and the clients of registries: it turns
// them into the files that those look for in the home directory of the user that a step runs as.
//
// What a secret holds goes into those files and nowhere else: no error and no message has any of it.
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

// Kind says what a secret holds, and what it is for.
type Kind string

// The kinds of credentials.
const (
	// GitBasic is a user and a password (kubernetes.io/basic-auth) for git over HTTP.
	GitBasic Kind = "git-basic"
	// GitSSH is a private key (kubernetes.io/ssh-auth), and perhaps known_hosts, for git over SSH.
	GitSSH Kind = "git-ssh"
	// DockerBasic is a user and a password (kubernetes.io/basic-auth) for a registry.
	DockerBasic Kind = "docker-basic"
	// DockerConfig is the configuration of a registry's client (kubernetes.io/dockerconfigjson).
	DockerConfig Kind = "docker-config"
	// DockerCfg is the same in its older form (kubernetes.io/dockercfg).
	DockerCfg Kind = "docker-cfg"
)

// forURL says whether credentials of this kind are for one host, which is named besides the secret.
func (k Kind) forURL() bool { return k == GitBasic || k == GitSSH || k == DockerBasic }

// Credential is a secret, and what it is for. Its text, KIND:SECRET or KIND:SECRET=URL, is how it travels in the
// arguments of a container.
type Credential struct {
	Kind Kind
	// Secret is the name of the secret, and of the folder that its keys are files in.
	Secret string
	// URL is the host that it is for, as the annotation of the secret has it; empty for DockerConfig and DockerCfg, which
	// name hosts themselves.
	URL string
}

// String returns the text that Parse takes.
func (c Credential) String() string {
	if !c.Kind.forURL() {
		return string(c.Kind) + ":" + c.Secret
	}
	return string(c.Kind) + ":" + c.Secret + "=" + c.URL
}

// Parse returns the credential that a text of String stands for.
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

// Place is where credentials come from and go to.
type Place struct {
	// Secrets has a folder for each secret, with a file for each key.
	Secrets string
	// Dir is where the files are made. It is the step's own.
	Dir string
	// Homes are directories that the files are copied to as well; those that are empty, or that cannot be written, are
	// left out. The first is that of the environment, and complained of when it cannot be used.
	Homes []string
}

// The files of a home directory.
const (
	gitConfig      = ".gitconfig"
	gitCredentials = ".git-credentials"
	sshDir         = ".ssh"
	dockerDir      = ".docker"
)

// maxKey is how much of one key of a secret is read, in bytes: a secret has no more.
const maxKey = 1 << 20

// Prepare makes the files. The error names the secret that cannot be used; warnings go to stderr.
func Prepare(list []Credential, place Place, stderr io.Writer) error {
	files, err := render(list, place)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := f.write(place.Dir); err != nil {
			return fmt.Errorf("cannot make %q of the service account's credentials: %w", f.path, err)
		}
	}
	for i, home := range place.Homes {
		if home == "" || filepath.Clean(home) == filepath.Clean(place.Dir) {
			continue
		}
		if err := install(files, home); err != nil && i == 0 {
			// there is no other place to say it
			_, _ = fmt.Fprintf(stderr, "entrypoint: cannot copy the service account's credentials to the home directory %q: %v; "+
				"they are in %s\n", home, err, place.Dir)
		}
	}
	return nil
}

// key reads a key of a secret. An absent one is an error, or nil where it may be absent.
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

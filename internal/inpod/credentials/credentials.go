// Package credentials converts the secrets of a service account into the files that git, ssh and the clients of registries
// read in the home directory of the step's user.
//
// The content of secrets is only in those files: no error and no message contains any of it.
package credentials

import (
	"fmt"
	"strings"
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

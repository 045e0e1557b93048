package git

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"
	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

const (
	// keyKnownHosts is the key of a Secret with the keys of trusted SSH hosts, as in the Secrets of Tasks.
	keyKnownHosts = "known_hosts"
	// keyUser is the key of a Secret with the user of a token.
	keyUser = corev1.BasicAuthUsernameKey
)

// credentialsFor reads the Secret of a reference, if it names one, into the credentials for an address. The error is an
// *Error.
func credentialsFor(ctx context.Context, secrets resolvers.Secrets, a address, name, key string) (basic, identity, error) {
	if name == "" {
		if a.scheme == schemeSSH {
			return basic{}, identity{}, resolvers.Invalid("cannot fetch over SSH without a key: name a Secret of type %s, with keys %q and %q, "+
				"in param %q",
				corev1.SecretTypeSSHAuth, corev1.SSHAuthPrivateKey, keyKnownHosts, paramGitToken)
		}
		return basic{}, identity{}, nil
	}
	secret, err := secrets.Secret(ctx, name)
	if err != nil {
		return basic{}, identity{}, err
	}
	if a.scheme == schemeSSH {
		id, err := identityOf(secret)
		return basic{}, id, err
	}
	auth, err := basicOf(secret, key, a.host)
	return auth, identity{}, err
}

// basicOf returns the user and the password in a Secret: those of type kubernetes.io/basic-auth, or a token.
func basicOf(secret *corev1.Secret, key, host string) (basic, error) {
	if secret.Type == corev1.SecretTypeBasicAuth && key == "" {
		key = corev1.BasicAuthPasswordKey
	}
	if key == "" {
		key = standardKey
	}
	password, err := valueOf(secret, key)
	if err != nil {
		return basic{}, err
	}
	user := strings.TrimSpace(string(secret.Data[keyUser]))
	switch {
	case user != "":
	case host == "bitbucket.org":
		user = "x-token-auth" // required there for a token of a repository
	default:
		user = "git" // GitHub, GitLab and Gitea take any user beside a token
	}
	return basic{user: user, password: password}, nil
}

// valueOf returns a value of a Secret that must not be empty.
func valueOf(secret *corev1.Secret, key string) (string, error) {
	value := strings.TrimSpace(string(secret.Data[key]))
	switch {
	case value == "":
		return "", resolvers.Failed(nil, "cannot use Secret %q: key %s is missing or empty", secret.Name, shown(key))
	case strings.ContainsAny(value, "\r\n"):
		return "", resolvers.Failed(nil, "cannot use Secret %q: the value of key %s has several lines, want a token", secret.Name, shown(key))
	}
	return value, nil
}

// identityOf returns the private key and the trusted hosts in a Secret.
func identityOf(secret *corev1.Secret) (identity, error) {
	private, lines := secret.Data[corev1.SSHAuthPrivateKey], secret.Data[keyKnownHosts]
	if len(private) == 0 {
		return identity{}, resolvers.Failed(nil, "cannot use Secret %q for SSH: key %q is missing; want a Secret of type %s", secret.Name,
			corev1.SSHAuthPrivateKey, corev1.SecretTypeSSHAuth)
	}
	if len(lines) == 0 {
		return identity{}, resolvers.Failed(nil, "cannot use Secret %q for SSH: key %q is missing; without it the host cannot be trusted; "+
			"add the lines that ssh-keyscan prints, after you have checked the key", secret.Name, keyKnownHosts)
	}
	// The errors of these parsers do not quote the key, but are not needed either.
	signer, err := ssh.ParsePrivateKey(private)
	if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
		return identity{}, resolvers.Failed(nil, "cannot use Secret %q for SSH: the key in %q has a passphrase, which is not supported",
			secret.Name, corev1.SSHAuthPrivateKey)
	}
	if err != nil {
		return identity{}, resolvers.Failed(nil, "cannot use Secret %q for SSH: %q is not a private key", secret.Name, corev1.SSHAuthPrivateKey)
	}
	hosts, err := parseKnownHosts(lines)
	if err != nil {
		return identity{}, resolvers.Failed(nil, "cannot use Secret %q for SSH: invalid %q: %v", secret.Name, keyKnownHosts, err)
	}
	return identity{key: signer, hosts: hosts}, nil
}

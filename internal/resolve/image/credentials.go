package image

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// credentials are the credentials with which a pod pulls images.
type credentials struct {
	all []credential
	// notes explain which secrets could not be used, and why. They are reported when a registry denies access to an image.
	notes []string
}

// credential is for the images of one registry, or of a part of it.
type credential struct {
	// host may have a * in any part of the name. An empty path means all images of the host.
	host, path string
	auth       authn.AuthConfig
}

func (p Pull) account() string {
	if p.ServiceAccount == "" {
		return "default"
	}
	return p.ServiceAccount
}

// readCredentials reads the pull secrets of the pod and of its service account. A secret that is missing, unreadable or
// invalid is not an error, as in the kubelet: many images need no credentials.
func readCredentials(ctx context.Context, reader client.Reader, pull Pull) (*credentials, error) {
	known := &credentials{}
	names := slices.Clone(pull.Secrets)
	account := &corev1.ServiceAccount{}
	used, err := known.get(ctx, reader, pull.Namespace, pull.account(), "service account", account)
	if err != nil {
		return nil, err
	}
	if used {
		names = append(names, account.ImagePullSecrets...)
	}
	for _, one := range names {
		secret := &corev1.Secret{}
		used, err := known.get(ctx, reader, pull.Namespace, one.Name, "pull secret", secret)
		if err != nil {
			return nil, err
		}
		if used {
			known.add(secret)
		}
	}
	// A more specific credential is tried first, as in the kubelet.
	slices.SortStableFunc(known.all, func(a, b credential) int { return len(b.path) - len(a.path) })
	return known, nil
}

// get reads an object. It returns false, and adds a note, if the object is missing or unreadable.
func (c *credentials) get(ctx context.Context, reader client.Reader, namespace, called, what string,
	into client.Object) (used bool, err error) {
	err = reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: called}, into)
	switch {
	case err == nil:
		return true, nil
	case apierrors.IsNotFound(err):
		c.notes = append(c.notes, fmt.Sprintf("%s %q does not exist", what, called))
	case apierrors.IsForbidden(err):
		c.notes = append(c.notes, fmt.Sprintf("the controller may not read %s %q", what, called))
	default:
		return false, fmt.Errorf("cannot read %s %q of namespace %q: %w", what, called, namespace, err)
	}
	return false, nil
}

// add adds the credentials in a secret.
func (c *credentials) add(secret *corev1.Secret) {
	var (
		entries map[string]authn.AuthConfig
		err     error
	)
	switch secret.Type {
	case corev1.SecretTypeDockerConfigJson:
		file := struct {
			Auths map[string]authn.AuthConfig `json:"auths"`
		}{}
		err = json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &file)
		entries = file.Auths
	case corev1.SecretTypeDockercfg:
		err = json.Unmarshal(secret.Data[corev1.DockerConfigKey], &entries)
	default:
		c.notes = append(c.notes, fmt.Sprintf("pull secret %q has type %q, want %q", secret.Name, secret.Type, corev1.SecretTypeDockerConfigJson))
		return
	}
	if err != nil {
		// The error of the decoder may quote the secret.
		c.notes = append(c.notes, fmt.Sprintf("pull secret %q does not hold the JSON of a Docker configuration", secret.Name))
		return
	}
	for _, place := range slices.Sorted(maps.Keys(entries)) {
		host, folder := parsePlace(place)
		c.all = append(c.all, credential{host: host, path: folder, auth: entries[place]})
	}
}

// parsePlace splits the key of an entry into host and path. The key may have a scheme before the host, and the version of
// Docker's protocol after it.
func parsePlace(place string) (host, folder string) {
	place = strings.TrimPrefix(strings.TrimPrefix(place, "https://"), "http://")
	host, folder, _ = strings.Cut(place, "/")
	for _, version := range []string{"v1", "v2"} {
		if folder == version || strings.HasPrefix(folder, version+"/") {
			folder = strings.TrimPrefix(folder, version)
		}
	}
	if host == name.DefaultRegistry {
		host = "docker.io"
	}
	return host, strings.Trim(folder, "/")
}

// forRepository returns the credentials to try for a repository, in order: those that match it, or else anonymous access.
func (c *credentials) forRepository(repository name.Repository) []authn.Authenticator {
	var all []authn.Authenticator
	for _, one := range c.all {
		if matches(one.host, spoken(repository.Registry)) && below(one.path, repository.RepositoryStr()) {
			all = append(all, authn.FromConfig(one.auth))
		}
	}
	if len(all) == 0 {
		return []authn.Authenticator{authn.Anonymous}
	}
	return all
}

// matches compares hosts part by part, because a * matches within one part of a name and not several parts.
func matches(pattern, host string) bool {
	patterns, parts := strings.Split(pattern, "."), strings.Split(host, ".")
	if len(patterns) != len(parts) {
		return false
	}
	for i := range patterns {
		if ok, err := path.Match(patterns[i], parts[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// below reports whether the name of a repository is folder, or is in that folder.
func below(folder, repository string) bool {
	return folder == "" || repository == folder || strings.HasPrefix(repository, folder+"/")
}

// suffix returns the notes for the end of a message, or "".
func (c *credentials) suffix() string {
	if len(c.notes) == 0 {
		return ""
	}
	return " (" + strings.Join(c.notes, "; ") + ")"
}

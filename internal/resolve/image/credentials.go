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

// credentials are what a pod pulls images with.
type credentials struct {
	all []credential
	// notes say what could not be used, and why. They are told when a registry denies an image.
	notes []string
}

// credential is for the images of one registry, or of a part of it.
type credential struct {
	// host may have a * in any part of the name; path is empty for all images of the host.
	host, path string
	auth       authn.AuthConfig
}

func (p Pull) account() string {
	if p.ServiceAccount == "" {
		return "default"
	}
	return p.ServiceAccount
}

// readCredentials reads the pull secrets of the pod and of its service account. What is not there, may not be read or is not
// in order is no error, as it is none for the kubelet: many images need no credentials.
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
	// The more a credential says about which images it is for, the sooner it is tried, as by the kubelet.
	slices.SortStableFunc(known.all, func(a, b credential) int { return len(b.path) - len(a.path) })
	return known, nil
}

// get reads an object. It is not used if it is not there, or may not be read, which is noted.
func (c *credentials) get(ctx context.Context, reader client.Reader, namespace, called, what string,
	into client.Object) (used bool, err error) {
	err = reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: called}, into)
	switch {
	case err == nil:
		return true, nil
	case apierrors.IsNotFound(err):
		c.notes = append(c.notes, fmt.Sprintf("%s %q is not there", what, called))
	case apierrors.IsForbidden(err):
		c.notes = append(c.notes, fmt.Sprintf("the controller may not read %s %q", what, called))
	default:
		return false, fmt.Errorf("cannot read %s %q of namespace %q: %w", what, called, namespace, err)
	}
	return false, nil
}

// add takes over what a secret holds.
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
		// The cause may quote the secret.
		c.notes = append(c.notes, fmt.Sprintf("pull secret %q does not hold the JSON of a Docker configuration", secret.Name))
		return
	}
	for _, place := range slices.Sorted(maps.Keys(entries)) {
		host, folder := parsePlace(place)
		c.all = append(c.all, credential{host: host, path: folder, auth: entries[place]})
	}
}

// parsePlace splits the key of an entry: a host, perhaps with a scheme before it, the version of Docker's protocol behind it,
// or a path.
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

// forRepository returns as whom a repository is asked for, in order: everybody whom a credential for it names, else anybody.
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

// matches compares hosts part by part, because a * stands for a part of a name and not for several.
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

// below says whether the name of a repository is folder, or begins with it.
func below(folder, repository string) bool {
	return folder == "" || repository == folder || strings.HasPrefix(repository, folder+"/")
}

// told returns the notes for the end of a message.
func (c *credentials) told() string {
	if len(c.notes) == 0 {
		return ""
	}
	return " (" + strings.Join(c.notes, "; ") + ")"
}

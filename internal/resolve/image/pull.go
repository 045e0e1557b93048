package image

import (
	"slices"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
)

// PullCredentials are the credentials in pull secrets, with the kubelet's rules for which registry each of them is.
type PullCredentials struct{ known credentials }

// NewPullCredentials returns the credentials in secrets. One that cannot be used is named by Notes.
func NewPullCredentials(secrets []*corev1.Secret) *PullCredentials {
	p := &PullCredentials{}
	for _, secret := range secrets {
		p.known.add(secret)
	}
	slices.SortStableFunc(p.known.all, func(a, b credential) int { return len(b.path) - len(a.path) })
	return p
}

// Note adds why a secret could not be used.
func (p *PullCredentials) Note(text string) { p.known.notes = append(p.known.notes, text) }

// ForRepository returns the credentials to try for a repository, in order: those that match it, or else anonymous access.
func (p *PullCredentials) ForRepository(repository name.Repository) []authn.Authenticator {
	return p.known.forRepository(repository)
}

// Notes returns why secrets could not be used, for the end of a message, or "".
func (p *PullCredentials) Notes() string { return p.known.suffix() }

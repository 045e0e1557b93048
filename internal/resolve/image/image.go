// Package image looks up what an image runs when a step gives no command: its entrypoint and arguments, as its registry
// has them. It asks with the pull secrets that the pod will have, through the mirrors that the nodes have, and remembers
// manifests by digest, which never change.
//
// Where a lookup does not succeed, the error is an *Error if trying again cannot help: then a user has to act, and the
// message says how. Any other error may pass.
package image

import (
	"context"
	"errors"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/client"

	// The controller's image has no certificates of authorities. These are Mozilla's; they count only where the machine has
	// none, so a mounted /etc/ssl/certs or SSL_CERT_FILE replaces them.
	_ "golang.org/x/crypto/x509roots/fallback"
)

const (
	// defaultTimeout of one lookup. It bounds what one hostile registry occupies of a namespace's budget.
	defaultTimeout = 15 * time.Second
	// cacheSize is how many manifests are remembered. One takes at most maxCommand bytes, and as a rule a hundred.
	cacheSize = 1000
)

// Pull says for whom an image is looked up.
type Pull struct {
	// Namespace is where the pod will be, and where its secrets are.
	Namespace string
	// ServiceAccount that the pod will run as; empty means "default".
	ServiceAccount string
	// Secrets are the pull secrets of the pod itself; those of its service account are found.
	Secrets []corev1.LocalObjectReference
	// Architectures that the pod can be scheduled to, as in the label kubernetes.io/arch; empty means any.
	Architectures []string
	// Step is the step's path in its object, such as spec.steps[2]. Messages name it.
	Step string
}

// Options say how registries are asked. The zero value is right where nodes have no mirrors.
type Options struct {
	// Mirrors are asked before the registry itself, in order.
	Mirrors []Mirror
	// Timeout of one lookup; 0 means 15 seconds.
	Timeout time.Duration
	// Transport reaches registries; nil means the network, through the proxy of the environment.
	Transport http.RoundTripper
}

// Lookup looks up images. It may be used by several goroutines at once.
type Lookup struct {
	reader    client.Reader
	mirrors   []Mirror
	timeout   time.Duration
	transport http.RoundTripper
	manifests *lru.Cache // of manifest, by digest
}

// New returns a Lookup that reads service accounts and their secrets with reader. That should ask the API server itself:
// secrets are none of a cache's business.
func New(reader client.Reader, o Options) *Lookup {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	return &Lookup{
		reader: reader, mirrors: o.Mirrors, timeout: o.Timeout,
		transport: bounded{next: o.Transport},
		manifests: lru.New(cacheSize),
	}
}

// Entrypoint returns what the image runs. A tag is looked up each time, with a request that has no body; everything else is
// remembered.
func (l *Lookup) Entrypoint(ctx context.Context, image string, pull Pull) (Entrypoint, error) {
	ref, err := parse(image, pull)
	if err != nil {
		return Entrypoint{}, err
	}
	timed, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	known, err := readCredentials(timed, l.reader, pull)
	if err != nil {
		return Entrypoint{}, &PassingError{Words: err.Error()}
	}
	var failures []failure
	for _, s := range l.sources(ref) {
		found, err := l.ask(timed, s, known, pull.Architectures)
		var unusable *unusableError
		switch {
		case err == nil:
			return found, nil
		case ctx.Err() != nil:
			return Entrypoint{}, ctx.Err()
		case errors.As(err, &unusable):
			return Entrypoint{}, pull.unusable(image, unusable.why, unusable.do)
		}
		failures = append(failures, s.failure(err))
	}
	return Entrypoint{}, explain(image, pull, known, failures)
}

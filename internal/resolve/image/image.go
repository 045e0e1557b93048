// Package image looks up the entrypoint and arguments of an image in its registry, for a step without a command. It uses the
// pull secrets of the pod and the mirrors of the nodes, and caches manifests by digest, because these never change.
//
// If a retry cannot help, the error is an *Error, whose message says what the user must do. Any other error is transient.
package image

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolve/image/guard"

	// The controller's image has no CA certificates. These are Mozilla's. They are used only if the machine has none, so a
	// mounted /etc/ssl/certs or SSL_CERT_FILE replaces them.
	_ "golang.org/x/crypto/x509roots/fallback"
)

const (
	// defaultTimeout is the default timeout of one lookup. It limits how long a hostile registry occupies a part of a
	// namespace's budget.
	defaultTimeout = 15 * time.Second
)

// Pull is the pod for which an image is looked up.
type Pull struct {
	// Namespace is the namespace of the pod and its secrets.
	Namespace string
	// ServiceAccount is the service account of the pod; empty means "default".
	ServiceAccount string
	// Secrets are the pull secrets of the pod. Those of its service account are read from it.
	Secrets []corev1.LocalObjectReference
	// Architectures are those to which the pod can be scheduled, as in the label kubernetes.io/arch; empty means any.
	Architectures []string
	// Step is the path of the step in its object, such as spec.steps[2], for messages.
	Step string
}

// Options are the options of lookups. The zero value is right if nodes have no mirrors.
type Options struct {
	// Mirrors are tried before the registry itself, in order.
	Mirrors []Mirror
	// Timeout is the timeout of one lookup; 0 means 15 seconds.
	Timeout time.Duration
	// Insecure are the registries, with the port if their name has one, that are used over HTTP. Like mirrors, they may have
	// any address.
	Insecure []string
	// Private are the private networks in which registries may be. Without any, only public addresses are permitted.
	Private []netip.Prefix
	// Transport connects to registries; nil means the network, with the rules of package guard.
	Transport http.RoundTripper
	// Memory is the budget for large responses of all lookups; nil means a budget of guard.Memory bytes.
	Memory *budget.Budget
}

// Lookup looks up images. It is safe for concurrent use.
type Lookup struct {
	reader    client.Reader
	mirrors   []Mirror
	timeout   time.Duration
	transport http.RoundTripper
	insecure  map[string]bool
	named     guard.Hosts
	manifests *cache
	memory    *budget.Budget
}

// New returns a Lookup that reads service accounts and their secrets with reader. The reader should read from the API server,
// so that secrets are not cached.
func New(reader client.Reader, o Options) *Lookup {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Memory == nil {
		o.Memory = budget.New(guard.Memory)
	}
	l := &Lookup{
		reader: reader, mirrors: o.Mirrors, timeout: o.Timeout, manifests: newCache(), memory: o.Memory,
		insecure: map[string]bool{}, named: guard.Hosts{},
	}
	for _, m := range o.Mirrors {
		l.named.Add(m.URL)
	}
	for _, host := range o.Insecure {
		l.insecure[host] = true
		l.named.Add(&url.URL{Scheme: "http", Host: host})
	}
	if l.transport = o.Transport; l.transport == nil {
		l.transport = guard.NewTransport(guard.NewDialer(guard.Addresses{Private: o.Private}, l.named, guard.Machine()))
	}
	return l
}

// Entrypoint returns the command of the image. It resolves a tag each time, with a request without a body, and caches
// everything else.
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
		found, said, err := l.ask(timed, s, known, pull)
		switch {
		case err == nil:
			return found, nil
		case ctx.Err() != nil:
			return Entrypoint{}, ctx.Err()
		case said.kind == unusable:
			return Entrypoint{}, pull.broken(image, err)
		}
		failures = append(failures, s.failure(said, err))
	}
	return Entrypoint{}, explain(image, pull, known, failures)
}

// Package image looks up what an image runs when a step gives no command: its entrypoint and arguments, as its registry
// has them. It asks with the pull secrets that the pod will have, through the mirrors that the nodes have, and remembers
// manifests by digest, which never change.
//
// Where a lookup does not succeed, the error is an *Error if trying again cannot help: then a user has to act, and the
// message says how. Any other error may pass.
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

	// The controller's image has no certificates of authorities. These are Mozilla's; they count only where the machine has
	// none, so a mounted /etc/ssl/certs or SSL_CERT_FILE replaces them.
	_ "golang.org/x/crypto/x509roots/fallback"
)

const (
	// defaultTimeout of one lookup. It bounds what one hostile registry occupies of a namespace's budget.
	defaultTimeout = 15 * time.Second
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
	// Insecure are the registries, with the port if their name has one, that are asked by HTTP. Like mirrors, they may have
	// any address.
	Insecure []string
	// Private networks in which registries may be. Without any, only public addresses are asked.
	Private []netip.Prefix
	// Transport reaches registries; nil means the network, by the rules of package guard.
	Transport http.RoundTripper
	// Memory is what large answers of all lookups take together; nil means a budget of guard.Memory bytes.
	Memory *budget.Budget
}

// Lookup looks up images. It may be used by several goroutines at once.
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

// New returns a Lookup that reads service accounts and their secrets with reader. That should ask the API server itself:
// secrets are none of a cache's business.
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

package git

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/budget"
	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/resolvers/outbound"
)

// Memory is the memory in bytes for the repositories of all fetches together. The largest permitted one takes it alone.
const Memory = 384 << 20

// Options are what a Resolver needs.
type Options struct {
	// Network connects to hosts.
	Network *outbound.Network
	// Secret reads a Secret of the administrator: the token that git-resolver-config names. Nil means that there is none.
	Secret func(ctx context.Context, namespace, name string) (*corev1.Secret, error)
}

// Resolver answers requests of type "git".
type Resolver struct {
	options Options
	memory  *budget.Budget
	maxPack int64
}

var _ resolvers.Resolver = (*Resolver)(nil)

// New returns a Resolver.
func New(o Options) *Resolver {
	return &Resolver{options: o, memory: budget.New(Memory), maxPack: maxPack}
}

// Type implements resolvers.Resolver.
func (*Resolver) Type() string { return Type }

// Params implements resolvers.Resolver.
func (*Resolver) Params() []string {
	return []string{
		paramURL, paramRevision, paramPath, paramGitToken, paramGitTokenKey, paramOrg, paramRepo, paramToken, paramTokenKey,
		paramSCMType, paramServerURL, paramConfigKey,
	}
}

// reference is what both ways to a file have in common.
type reference struct {
	config         configuration
	revision, path string
	cache          resolvers.CacheMode
}

// Prepare implements resolvers.Resolver.
func (r *Resolver) Prepare(ctx context.Context, request *resolvers.Request) (*resolvers.Plan, error) {
	p := request.Params
	ref, err := readReference(request)
	if err != nil {
		return nil, err
	}
	switch {
	case p.Has(paramURL) && p.Has(paramRepo):
		return nil, resolvers.Invalid("cannot use params %q and %q together: give one of them", paramURL, paramRepo)
	case p.Has(paramRepo):
		return r.prepareAPI(ctx, request, ref)
	default:
		return r.prepareClone(ctx, request, ref)
	}
}

// readReference reads the params that both ways to a file have.
func readReference(request *resolvers.Request) (ref reference, err error) {
	p := request.Params
	name, err := p.String(paramConfigKey)
	if err != nil {
		return ref, err
	}
	if ref.config, err = configurationOf(request.Settings, name); err != nil {
		return ref, err
	}
	if ref.revision, err = p.StringOr(paramRevision, ref.config.revision); err != nil {
		return ref, err
	}
	if ref.revision == "" {
		return ref, resolvers.Invalid("cannot find param %q: give it a branch, a tag or a commit", paramRevision)
	}
	if err = checkRevision(ref.revision); err != nil {
		return ref, err
	}
	if isCommit(ref.revision) {
		ref.revision = strings.ToLower(ref.revision)
	}
	path, err := p.Required(paramPath)
	if err != nil {
		return ref, err
	}
	if ref.path, err = cleanPath(path); err != nil {
		return ref, err
	}
	ref.cache, err = p.Cache("")
	return ref, err
}

// prepareClone plans a fetch from the repository.
func (r *Resolver) prepareClone(ctx context.Context, request *resolvers.Request, ref reference) (*resolvers.Plan, error) {
	p := request.Params
	for _, name := range []string{paramOrg, paramToken, paramTokenKey, paramSCMType, paramServerURL} {
		if p.Has(name) {
			return nil, resolvers.Invalid("cannot use param %q without param %q", name, paramRepo)
		}
	}
	text, err := p.StringOr(paramURL, ref.config.url)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, resolvers.Invalid("cannot find the repository: give param %q, or params %q and %q", paramURL, paramOrg, paramRepo)
	}
	c := clone{revision: ref.revision, path: ref.path, maxPack: r.maxPack}
	if c.address, err = parseAddress(text); err != nil {
		return nil, err
	}
	secret, err := p.String(paramGitToken)
	if err != nil {
		return nil, err
	}
	key, err := p.String(paramGitTokenKey)
	if err != nil {
		return nil, err
	}
	if c.auth, c.id, err = credentialsFor(ctx, request.Secrets, c.address, secret, key); err != nil {
		return nil, err
	}
	return &resolvers.Plan{
		Key:       strings.Join([]string{"clone", c.address.user, c.address.String(), c.address.sshPath(), c.revision, c.path}, "\n"),
		Host:      c.address.hostPort(),
		Immutable: isCommit(c.revision),
		Cache:     ref.cache,
		Fetch: func(ctx context.Context) (*resolvers.Resource, error) {
			ctx, cancel := timed(ctx, ref.config.timeout)
			defer cancel()
			lease := r.memory.Lease()
			defer lease.End()
			file, err := c.fetch(ctx, r.options.Network, lease)
			if err != nil {
				return nil, err
			}
			return resource(file, c.address.String(), c.path, nil), nil
		},
	}, nil
}

// timed limits a context to the setting fetch-timeout, if there is one.
func timed(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, timeout)
}

// annotationPrefix is that of the annotations of a request's answer.
const annotationPrefix = "resolution.tekton.dev/"

// resource returns the answer for a file.
func resource(file found, repository, path string, more map[string]string) *resolvers.Resource {
	annotations := map[string]string{
		annotationPrefix + "revision": file.commit,
		annotationPrefix + "path":     path,
		annotationPrefix + "url":      repository,
	}
	for key, value := range more {
		annotations[annotationPrefix+key] = value
	}
	return &resolvers.Resource{
		Content:     file.content,
		Source:      v1.RefSource{URI: "git+" + repository, Digest: map[string]string{"sha1": file.commit}, EntryPoint: path},
		Annotations: annotations,
	}
}

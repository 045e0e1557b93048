package git

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// file is a file to read through the API of a hosting service.
type file struct {
	service  service
	server   *url.URL
	token    string
	org      string
	repo     string
	revision string
	path     string
}

// prepareAPI plans requests to the API of a hosting service.
func (r *Resolver) prepareAPI(ctx context.Context, request *resolvers.Request, ref reference) (*resolvers.Plan, error) {
	p := request.Params
	for _, name := range []string{paramGitToken, paramGitTokenKey} {
		if p.Has(name) {
			return nil, resolvers.Invalid("cannot use param %q with param %q: name the Secret in param %q", name, paramRepo, paramToken)
		}
	}
	f := file{revision: ref.revision, path: ref.path}
	if err := f.readPlace(p, ref.config); err != nil {
		return nil, err
	}
	var err error
	if f.token, err = r.token(ctx, request, ref.config, &f); err != nil {
		return nil, err
	}
	return &resolvers.Plan{
		Key: strings.Join([]string{"api", f.service.name, f.server.String(), ref.config.name, f.org, f.repo, f.revision, f.path},
			"\n"),
		Host:      f.server.Host,
		Immutable: isCommit(f.revision),
		Cache:     ref.cache,
		Fetch: func(ctx context.Context) (*resolvers.Resource, error) {
			ctx, cancel := timed(ctx, ref.config.timeout)
			defer cancel()
			got, err := f.fetch(ctx, r.options.Network)
			if err != nil {
				return nil, err
			}
			return resource(got, f.service.cloneURL(f.server, f.org, f.repo), f.path, map[string]string{"org": f.org, "repo": f.repo}), nil
		},
	}, nil
}

// readPlace reads where the repository is: the kind and the URL of the server, the organization and the repository.
func (f *file) readPlace(p resolvers.Params, c configuration) (err error) {
	name, err := p.OneOf(paramSCMType, cmp.Or(c.scm, "github"), serviceNames()...)
	if err != nil {
		return err
	}
	f.service = services()[slices.IndexFunc(services(), func(s service) bool { return s.name == name })]
	if f.org, err = p.StringOr(paramOrg, c.org); err != nil {
		return err
	}
	if f.repo, err = p.Required(paramRepo); err != nil {
		return err
	}
	if f.org == "" {
		return resolvers.Invalid("cannot find param %q: give it the owner of the repository", paramOrg)
	}
	if err := f.checkNames(); err != nil {
		return err
	}
	server, err := p.StringOr(paramServerURL, c.server)
	if err != nil {
		return err
	}
	f.server, err = f.service.parseServer(server)
	return err
}

// checkNames refuses names that lead to another place of the API.
func (f *file) checkNames() error {
	for _, one := range []struct{ param, value string }{{paramOrg, f.org}, {paramRepo, f.repo}} {
		for element := range strings.SplitSeq(one.value, "/") {
			bad := element == "" || element == "." || element == ".." || strings.ContainsFunc(element, isControl)
			if bad || one.param == paramRepo && element != one.value || len(one.value) > maxName {
				return resolvers.Invalid("cannot use param %q: it is %s, want the name of a repository or of its owner", one.param,
					shown(one.value))
			}
		}
	}
	if strings.Contains(f.org, "/") && !f.service.groups {
		return resolvers.Invalid("cannot use param %q: it is %s; only GitLab has groups within groups", paramOrg, shown(f.org))
	}
	return nil
}

// token returns the token of the Secret that a reference names, or the administrator's for the server that the settings name.
// The administrator's token is never sent to another server.
func (r *Resolver) token(ctx context.Context, request *resolvers.Request, c configuration, f *file) (string, error) {
	p := request.Params
	name, err := p.String(paramToken)
	if err != nil {
		return "", err
	}
	key, err := p.StringOr(paramTokenKey, standardKey)
	if err != nil {
		return "", err
	}
	if name != "" {
		secret, err := request.Secrets.Secret(ctx, name)
		if err != nil {
			return "", err
		}
		return valueOf(secret, key)
	}
	if c.secretName == "" || r.options.Secret == nil {
		return "", nil
	}
	if !f.isConfigured(c) {
		return "", resolvers.Invalid("cannot use server %s without a token: the token of ConfigMap git-resolver-config is for another server; "+
			"name a Secret in param %q", shown(f.server.Host), paramToken)
	}
	secret, err := r.options.Secret(ctx, c.secretOfSpace, c.secretName)
	if err != nil {
		return "", resolvers.Unavailable(err, "cannot read the Secret that ConfigMap git-resolver-config names; ask an administrator")
	}
	return valueOf(secret, c.secretKey)
}

// isConfigured reports whether the server is the one of the settings.
func (f *file) isConfigured(c configuration) bool {
	configured, err := f.service.parseServer(c.server)
	return err == nil && cmp.Or(c.scm, "github") == f.service.name && *configured == *f.server
}

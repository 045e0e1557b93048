package git

import (
	"net/url"
	"strings"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// service is a hosting service of repositories with an API.
type service struct {
	// name is the value of scmType.
	name string
	// public is the URL of the public server; empty without one.
	public string
	// api returns the path of the API of a server.
	api func(server *url.URL) *url.URL
	// groups reports that an organization may be a path.
	groups bool
	// authorization returns the value of the header Authorization.
	authorization func(token string) string
	// commit returns the request for the commit of a revision, and how to read the answer.
	commit func(f *file) query
	// content returns the request for the file of a commit.
	content func(f *file, commit string) query
	// clonePath returns the path of a repository for a clone.
	clonePath func(org, repo string) string
}

// query is a request to an API.
type query struct {
	// path and values are below the API's URL. The path is escaped.
	path   string
	values url.Values
	accept string
}

func bearer(token string) string { return "Bearer " + token }

const acceptJSON = "application/json"

// services returns the known services.
func services() []service {
	return []service{github(), gitlab(), gitea(), bitbucketCloud(), bitbucketServer()}
}

func serviceNames() []string {
	var all []string
	for _, s := range services() {
		all = append(all, s.name)
	}
	return all
}

func github() service {
	return service{
		name: "github", public: "https://github.com", authorization: bearer,
		api: func(server *url.URL) *url.URL {
			switch {
			case server.Host == "github.com" || server.Host == "api.github.com":
				return &url.URL{Scheme: server.Scheme, Host: "api.github.com"}
			case strings.HasSuffix(server.Path, "/api/v3"):
				return server
			default:
				return server.JoinPath("api/v3")
			}
		},
		commit: func(f *file) query {
			return query{path: join("repos", f.org, f.repo, "commits", f.revision), accept: "application/vnd.github.sha"}
		},
		content: func(f *file, commit string) query {
			return query{
				path:   join("repos", f.org, f.repo, "contents") + "/" + escapedPath(f.path),
				values: url.Values{"ref": {commit}}, accept: "application/vnd.github.raw",
			}
		},
		clonePath: ownerAndName,
	}
}

func gitlab() service {
	return service{
		name: "gitlab", public: "https://gitlab.com", authorization: bearer, groups: true,
		api: below("api/v4"),
		commit: func(f *file) query {
			return query{
				path:   join("projects", f.org+"/"+f.repo, "repository", "commits", f.revision),
				accept: acceptJSON,
			}
		},
		content: func(f *file, commit string) query {
			return query{
				path:   join("projects", f.org+"/"+f.repo, "repository", "files", f.path, "raw"),
				values: url.Values{"ref": {commit}},
			}
		},
		clonePath: ownerAndName,
	}
}

func gitea() service {
	return service{
		name: "gitea", public: "https://gitea.com", authorization: func(token string) string { return "token " + token },
		api: below("api/v1"),
		commit: func(f *file) query {
			return query{
				path:   join("repos", f.org, f.repo, "git", "commits", f.revision),
				accept: acceptJSON,
			}
		},
		content: func(f *file, commit string) query {
			return query{
				path:   join("repos", f.org, f.repo, "raw") + "/" + escapedPath(f.path),
				values: url.Values{"ref": {commit}},
			}
		},
		clonePath: ownerAndName,
	}
}

func bitbucketCloud() service {
	return service{
		name: "bitbucketcloud", public: "https://bitbucket.org", authorization: bearer,
		api: func(server *url.URL) *url.URL {
			return &url.URL{Scheme: server.Scheme, Host: "api.bitbucket.org", Path: "/2.0"}
		},
		commit: func(f *file) query {
			return query{
				path:   join("repositories", f.org, f.repo, "commit", f.revision),
				accept: acceptJSON,
			}
		},
		content: func(f *file, commit string) query {
			return query{path: join("repositories", f.org, f.repo, "src", commit) + "/" + escapedPath(f.path)}
		},
		clonePath: ownerAndName,
	}
}

func bitbucketServer() service {
	return service{
		name: "bitbucketserver", authorization: bearer,
		api: below("rest/api/1.0"),
		commit: func(f *file) query {
			return query{
				path:   join("projects", f.org, "repos", f.repo, "commits"),
				values: url.Values{"until": {f.revision}, "limit": {"1"}},
				accept: acceptJSON,
			}
		},
		content: func(f *file, commit string) query {
			return query{
				path:   join("projects", f.org, "repos", f.repo, "raw") + "/" + escapedPath(f.path),
				values: url.Values{"at": {commit}},
			}
		},
		clonePath: func(org, repo string) string { return "/scm/" + strings.ToLower(org) + "/" + repo + ".git" },
	}
}

// below returns a function for APIs at a path of the server.
func below(path string) func(*url.URL) *url.URL {
	return func(server *url.URL) *url.URL {
		if strings.HasSuffix(server.Path, "/"+path) {
			return server
		}
		return server.JoinPath(path)
	}
}

func ownerAndName(org, repo string) string {
	return "/" + org + "/" + strings.TrimSuffix(repo, ".git") + ".git"
}

// join returns a path of elements, each of which is escaped as a whole.
func join(elements ...string) string {
	escaped := make([]string, len(elements))
	for i, e := range elements {
		escaped[i] = url.PathEscape(e)
	}
	return strings.Join(escaped, "/")
}

// escapedPath escapes the elements of a path, and keeps its slashes.
func escapedPath(path string) string { return join(strings.Split(path, "/")...) }

// parseServer returns the URL of a server, or of the public one without a text. A text without a scheme is a host. The error
// is an *Error.
func (s service) parseServer(text string) (*url.URL, error) {
	if text == "" {
		text = s.public
	}
	if text == "" {
		return nil, resolvers.Invalid("cannot find param %q: %q has no public server", paramServerURL, s.name)
	}
	if !strings.Contains(text, "://") {
		text = schemeHTTPS + "://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, resolvers.Invalid("cannot use param %q: want an address such as https://git.example.com", paramServerURL)
	case u.Scheme != schemeHTTPS && u.Scheme != schemeHTTP:
		return nil, resolvers.Invalid("cannot use param %q: its scheme is %s, want https", paramServerURL, shown(u.Scheme))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, resolvers.Invalid("cannot use param %q: it holds credentials, a query or a fragment; the token is in the Secret of param %q",
			paramServerURL, paramToken)
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host), Path: strings.TrimRight(u.Path, "/")}, nil
}

// cloneURL returns the URL from which a repository can be cloned.
func (s service) cloneURL(server *url.URL, org, repo string) string {
	root := *server
	root.Path = ""
	if root.Host == "api.github.com" {
		root.Host = "github.com"
	}
	return root.String() + s.clonePath(org, repo)
}

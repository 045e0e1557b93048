package git

import (
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

const (
	schemeHTTPS = "https"
	schemeHTTP  = "http"
	schemeSSH   = "ssh"
)

// address is the address of a repository. It holds no credentials.
type address struct {
	// scheme is https, http or ssh.
	scheme string
	// user is the user of SSH; empty with other schemes.
	user string
	// host has a port only if the URL has one.
	host string
	// path begins with a slash, unless it is relative to the home directory of the SSH user.
	path string
	// short reports the form USER@HOST:PATH, whose path is relative.
	short bool
}

// parseAddress parses the URL of a repository: https://, http:// or ssh://, or the short form of SSH, [USER@]HOST:PATH.
func parseAddress(text string) (address, error) {
	if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }); i >= 0 {
		return address{}, resolvers.Invalid("cannot use the URL of a repository: it has a space or a control character at byte %d", i)
	}
	if !strings.Contains(text, "://") {
		return parseShort(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		// The error of the parser quotes the URL, which may hold a password.
		return address{}, resolvers.Invalid("cannot use the URL of a repository: it is not a URL; want https://HOST/PATH or ssh://USER@HOST/PATH")
	}
	a := address{scheme: strings.ToLower(u.Scheme), host: strings.ToLower(u.Host), path: strings.TrimRight(u.EscapedPath(), "/")}
	_, password := u.User.Password()
	switch {
	case a.scheme != schemeHTTPS && a.scheme != schemeHTTP && a.scheme != schemeSSH:
		return address{}, resolvers.Invalid("cannot use the URL of a repository: its scheme is %s, want https, http or ssh", shown(u.Scheme))
	case password || u.User != nil && a.scheme != schemeSSH:
		return address{}, resolvers.Invalid("cannot use the URL of a repository: it holds credentials; put them into a Secret, "+
			"and name the Secret in param %q", paramGitToken)
	case u.RawQuery != "" || u.Fragment != "":
		return address{}, resolvers.Invalid("cannot use the URL of a repository: it has a query or a fragment; the revision is param %q",
			paramRevision)
	case u.Hostname() == "" || a.path == "":
		return address{}, resolvers.Invalid("cannot use the URL of a repository: it needs a host and a path")
	}
	if a.scheme == schemeSSH {
		a.user, a.path = userOr(u.User.Username()), strings.TrimRight(u.Path, "/")
	}
	return a, a.check()
}

// parseShort parses [USER@]HOST:PATH.
func parseShort(text string) (address, error) {
	user, rest, found := strings.Cut(text, "@")
	if !found {
		user, rest = "", text
	}
	host, path, found := strings.Cut(rest, ":")
	if !found || host == "" || path == "" || strings.ContainsAny(host, "/\\") || strings.Contains(user, ":") {
		return address{}, resolvers.Invalid("cannot use the URL of a repository: want https://HOST/PATH, ssh://USER@HOST/PATH or USER@HOST:PATH")
	}
	a := address{scheme: schemeSSH, user: userOr(user), host: strings.ToLower(host), path: strings.TrimRight(path, "/"), short: true}
	return a, a.check()
}

func userOr(user string) string {
	if user == "" {
		return "git"
	}
	return user
}

// check refuses what a program on the server could take for an option.
func (a address) check() error {
	if strings.HasPrefix(a.host, "-") || strings.HasPrefix(a.path, "-") || strings.HasPrefix(a.user, "-") || a.path == "" ||
		strings.Contains(a.path, "\\") {
		return resolvers.Invalid("cannot use the URL of a repository: neither its host nor its path may be empty, begin with a dash or have " +
			"a backslash")
	}
	return nil
}

// String returns the URL, without a user.
func (a address) String() string {
	return a.scheme + "://" + a.host + "/" + strings.TrimPrefix(a.path, "/")
}

// hostPort returns the host and port to connect to.
func (a address) hostPort() string {
	u := url.URL{Host: a.host}
	port := u.Port()
	switch {
	case port != "":
	case a.scheme == schemeSSH:
		port = "22"
	case a.scheme == schemeHTTP:
		port = "80"
	default:
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

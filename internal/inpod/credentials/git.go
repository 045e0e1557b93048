//go:build linux

package credentials

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// gitBasic adds a user and a password in the form of git's credential store. If the URL has a path, they are for one repository:
// git compares the path only where useHttpPath says so. Git takes the first line that fits, and those for whole hosts stand
// before those for repositories.
func (r *renderer) gitBasic(c Credential) error {
	user, password, err := r.basic(c)
	if err != nil {
		return err
	}
	scheme, rest, ok := strings.Cut(c.URL, "://")
	if !ok {
		scheme, rest = "https", c.URL
	}
	rest = strings.TrimRight(rest, "/")
	host, path, _ := strings.Cut(rest, "/")
	if host == "" || strings.ContainsAny(c.URL, "\"\\\x00\r\n\t @") {
		return fmt.Errorf("cannot use secret %q of the service account for git: %q is not the URL of a host or of a repository",
			c.Secret, c.URL)
	}
	fmt.Fprintf(&r.hosts, "[credential \"%s://%s\"]\n\tusername = %s\n", scheme, rest, quoted(user))
	lines := &r.credentials
	if path != "" {
		r.hosts.WriteString("\tuseHttpPath = true\n")
		lines = &r.repositories
	}
	fmt.Fprintf(lines, "%s://%s:%s@%s\n", scheme, percent(user), percent(password), rest)
	return nil
}

// gitSSH adds a key for a host, or for one repository.
func (r *renderer) gitSSH(c Credential) error {
	at, ok := parseSSH(c.URL)
	if !ok {
		return fmt.Errorf("cannot use secret %q of the service account for git: %q is not HOST, HOST:PORT, HOST/PATH or HOST:PORT/PATH",
			c.Secret, c.URL)
	}
	id := sshDir + "/id_" + c.Secret
	if !slices.Contains(r.keys, c.Secret) {
		if err := r.sshKey(c, id); err != nil {
			return err
		}
		r.keys = append(r.keys, c.Secret)
	}
	alias := at.host
	if at.path != "" {
		alias = r.alias(at)
	}
	fmt.Fprintf(&r.ssh, "Host %s\n    HostName %s\n", alias, at.host)
	if at.port != "" {
		fmt.Fprintf(&r.ssh, "    Port %s\n", at.port)
	}
	// The place where it is made, and not the home directory, which ssh looks up elsewhere than other programs do.
	fmt.Fprintf(&r.ssh, "    IdentityFile %s/%s\n", r.place.Dir, id)
	if at.path != "" {
		r.ssh.WriteString("    IdentitiesOnly yes\n")
		r.rewrite(at, alias)
	}
	return nil
}

// rewrite makes git connect to the alias of a repository wherever its address is used, with or without .git at its end.
func (r *renderer) rewrite(at sshAddress, alias string) {
	server := at.host
	if at.port != "" {
		server += ":" + at.port
	}
	fmt.Fprintf(&r.rewrites, "[url \"%s@%s:%s\"]\n\tinsteadOf = %s@%s:%s\n\tinsteadOf = ssh://%s@%s/%s\n",
		at.user, alias, at.path, at.user, at.host, at.path, at.user, server, at.path)
}

// alias returns a name of a host that ssh has for one repository only.
func (r *renderer) alias(at sshAddress) string {
	name := at.host + "-" + strings.Map(func(c rune) rune {
		if c == '.' || c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			return c
		}
		return '-'
	}, at.path)
	repository := at.host + ":" + at.port + "/" + at.path
	for n, unique := 2, name; ; n++ {
		if owner, taken := r.aliases[unique]; !taken || owner == repository {
			r.aliases[unique] = repository
			return unique
		}
		unique = name + "-" + strconv.Itoa(n)
	}
}

// sshAddress is what an SSH key is for: a host, or a repository of it.
type sshAddress struct {
	// user is the one that git logs in as.
	user string
	// host, and port; empty for ssh's own.
	host, port string
	// path of the repository, without .git; empty for all.
	path string
}

// parseSSH parses HOST, HOST:PORT, HOST/PATH, HOST:PORT/PATH, and what git clones from: [ssh://][USER@]HOST[:PORT]/PATH and
// USER@HOST:PATH.
func parseSSH(url string) (address sshAddress, ok bool) {
	address.user = "git"
	_, rest, found := strings.Cut(url, "://")
	if !found {
		rest = url
	}
	rest = strings.TrimRight(rest, "/")
	server, path, _ := strings.Cut(rest, "/")
	if user, after, found := strings.Cut(server, "@"); found {
		address.user, server = user, after
	}
	name, port, ported := strings.Cut(server, ":")
	if ported && path != "" && port != "" && strings.ContainsFunc(port, notDigit) {
		path, port, ported = port+"/"+path, "", false // USER@HOST:PATH
	}
	address.host, address.port, address.path = name, port, strings.TrimSuffix(path, ".git")
	const special = "\x00\r\n\t \"\\#*?!,;@:"
	valid := name != "" && address.user != "" && (!ported || port != "") && !strings.ContainsFunc(port, notDigit)
	return address, valid && !strings.ContainsAny(address.user+name+path, special)
}

func notDigit(c rune) bool { return c < '0' || c > '9' }

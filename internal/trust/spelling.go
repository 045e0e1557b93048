package trust

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// maxPlace is the maximum length in bytes of what other spellings of a source are made of: its host and its path. There are up to
// 72 other spellings. The worst patterns take three times as long for them as for maxSource bytes: 11 seconds on one core.
const maxPlace = 512

// place is where a source is, without what has no effect on what is read from there: the user, the query, the fragment, a port that
// is the default, a dot behind the host, and a slash or ".git" behind the path.
type place struct {
	host string
	// port has a colon before it; "" is the default one.
	port string
	// paths are the path as it is written, and with its escapes decoded and its dots resolved. They begin with a slash.
	paths []string
	// image reports that the source is a repository of a registry, which has no scheme.
	image bool
}

// placeOf returns the place of a source. It returns false for a source that is neither an address nor the name of an image, such as
// the path of an object in the API.
func placeOf(source string) (place, bool) {
	image, text := !strings.Contains(source, "://"), source
	if image {
		text = "//" + source
		if user, rest, found := strings.Cut(source, "@"); found && !strings.Contains(user, "/") {
			host, at, _ := strings.Cut(rest, ":")
			text, image = "ssh://"+host+"/"+at, false // the short form of SSH, USER@HOST:PATH
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || image && u.Path == "" {
		return place{}, false
	}
	p := place{host: strings.ToLower(u.Hostname()), image: image}
	if strings.Contains(p.host, ":") {
		p.host = "[" + p.host + "]"
	}
	p.host = strings.TrimSuffix(p.host, ".")
	if port := u.Port(); port != "" && port != defaultPort(u.Scheme) {
		p.port = ":" + port
	}
	for _, one := range []string{u.EscapedPath(), (&url.URL{Path: path.Clean("/" + u.Path)}).EscapedPath()} {
		one = strings.TrimSuffix(strings.TrimRight(one, "/"), ".git")
		if !slices.Contains(p.paths, one) {
			p.paths = append(p.paths, one)
		}
	}
	return p, true
}

// defaultPort returns the port of a scheme. An image has no scheme, and is read over HTTPS.
func defaultPort(scheme string) string {
	switch strings.ToLower(scheme) {
	case "ssh":
		return "22"
	case "http":
		return "80"
	default:
		return "443"
	}
}

// beginnings returns what can be before the path.
func (p place) beginnings() []string {
	at := p.host + p.port
	switch {
	case p.image && p.port == "":
		return []string{at, at + ":443"}
	case p.image:
		return []string{at}
	case p.port == "":
		return []string{
			"https://" + at, "https://" + at + ":443", "http://" + at, "http://" + at + ":80",
			"ssh://" + at, "ssh://" + at + ":22", "ssh://git@" + at, "ssh://git@" + at + ":22",
		}
	default:
		return []string{"https://" + at, "http://" + at, "ssh://" + at, "ssh://git@" + at}
	}
}

// spellings returns the spellings of a source, first the one as it is written. The error is for a source whose place is too long.
func spellings(source string) ([]string, error) {
	all := []string{source}
	p, ok := placeOf(source)
	if !ok {
		return all, nil
	}
	for _, one := range p.paths {
		if len(p.host)+len(one) > maxPlace {
			return nil, errPlace
		}
		for _, ending := range []string{"", "/", ".git", ".git/"} {
			for _, beginning := range p.beginnings() {
				all = append(all, beginning+one+ending)
			}
			if !p.image && p.port == "" {
				all = append(all, "git@"+p.host+":"+strings.TrimPrefix(one, "/")+ending)
			}
		}
	}
	return all, nil
}

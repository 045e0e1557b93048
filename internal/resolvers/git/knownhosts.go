package git

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // The format of known_hosts has it.
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxKnown is the maximum number of lines of known_hosts.
const maxKnown = 1000

// errOtherKey means that a host has a key that is not the known one, or is revoked.
var errOtherKey = errors.New("the host has another key")

// unknownHostError means that there is no line for a host.
type unknownHostError struct{ host string }

// Error implements error.
func (e *unknownHostError) Error() string { return fmt.Sprintf("host %q is not known", e.host) }

// knownHosts are the lines of a file known_hosts.
type knownHosts struct{ lines []knownHost }

type knownHost struct {
	patterns []string
	key      ssh.PublicKey
	revoked  bool
}

// parseKnownHosts parses the content of a file known_hosts. Lines for certificate authorities have no effect: a host needs a
// line with its key.
func parseKnownHosts(content []byte) (*knownHosts, error) {
	known := &knownHosts{}
	for number := 1; ; number++ {
		marker, patterns, key, _, rest, err := ssh.ParseKnownHosts(content)
		switch {
		case errors.Is(err, io.EOF):
			return known, nil
		case err != nil:
			return nil, fmt.Errorf("entry %d is not HOST TYPE KEY", number)
		case number > maxKnown:
			return nil, fmt.Errorf("there are more than %d entries, the limit", maxKnown)
		}
		if marker != "cert-authority" {
			known.lines = append(known.lines, knownHost{patterns: patterns, key: key, revoked: marker == "revoked"})
		}
		content = bytes.TrimLeft(rest, "\r\n")
	}
}

// check returns an error for a host, as HOST:PORT, whose key is not a known one.
func (k *knownHosts) check(host string, key ssh.PublicKey) error {
	found, known := false, false
	for _, line := range k.lines {
		if !line.matches(host) {
			continue
		}
		same := bytes.Equal(line.key.Marshal(), key.Marshal())
		if same && line.revoked {
			return errOtherKey
		}
		known = known || !line.revoked
		found = found || same
	}
	switch {
	case found:
		return nil
	case known:
		return errOtherKey
	default:
		return &unknownHostError{host: host}
	}
}

// algorithms returns the algorithms of the known keys of a host. A host with keys of several kinds then shows one of those.
func (k *knownHosts) algorithms(host string) []string {
	var all []string
	for _, line := range k.lines {
		if line.revoked || !line.matches(host) {
			continue
		}
		kinds := []string{line.key.Type()}
		if line.key.Type() == ssh.KeyAlgoRSA {
			kinds = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, kind := range kinds {
			if !slices.Contains(all, kind) {
				all = append(all, kind)
			}
		}
	}
	return all
}

// matches reports whether a line is for a host, as HOST:PORT.
func (l knownHost) matches(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if port != "22" {
		host = "[" + host + "]:" + port
	}
	matched := false
	for _, pattern := range l.patterns {
		negated := strings.HasPrefix(pattern, "!")
		if !matchesPattern(strings.TrimPrefix(pattern, "!"), host) {
			continue
		}
		if negated {
			return false
		}
		matched = true
	}
	return matched
}

// matchesPattern compares a host with a name, a name with * and ?, or the hash of a name.
func matchesPattern(pattern, host string) bool {
	if parts := strings.Split(pattern, "|"); len(parts) == 4 && parts[0] == "" && parts[1] == "1" {
		salt, err := base64.StdEncoding.DecodeString(parts[2])
		sum, err2 := base64.StdEncoding.DecodeString(parts[3])
		mac := hmac.New(sha1.New, salt)
		mac.Write([]byte(host))
		return err == nil && err2 == nil && hmac.Equal(mac.Sum(nil), sum)
	}
	if !strings.ContainsAny(pattern, "*?") {
		return strings.EqualFold(pattern, host)
	}
	// A bracket belongs to the port in this format, and is no class.
	escape := strings.NewReplacer("[", `\[`, "]", `\]`)
	ok, err := path.Match(escape.Replace(strings.ToLower(pattern)), strings.ToLower(host))
	return ok && err == nil
}

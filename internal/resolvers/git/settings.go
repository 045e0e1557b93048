package git

import (
	"cmp"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/resolvers"
)

// The keys of ConfigMap git-resolver-config. With the prefix "NAME." they are those of the configuration NAME, which a
// reference chooses with param configKey.
const (
	keyTimeout         = "fetch-timeout"
	keyURL             = "default-url"
	keyRevision        = "default-revision"
	keyOrg             = "default-org"
	keyServerURL       = "server-url"
	keySCMType         = "scm-type"
	keySecretName      = "api-token-secret-name"
	keySecretKey       = "api-token-secret-key"
	keySecretNamespace = "api-token-secret-namespace"
)

const (
	// standard is the name of the configuration without a prefix.
	standard = "default"
	// standardKey is the key of a token within its Secret.
	standardKey = "token"
	// maxTimeout is the maximum of fetch-timeout.
	maxTimeout = 10 * time.Minute
)

// Keys returns the keys of git-resolver-config that have an effect, without fetch-timeout.
func Keys() []string {
	return []string{keyURL, keyRevision, keyOrg, keyServerURL, keySCMType, keySecretName, keySecretKey, keySecretNamespace}
}

// configuration is one configuration of git-resolver-config. Empty fields are not set.
type configuration struct {
	name                                 string
	timeout                              time.Duration
	url, revision, org, server, scm      string
	secretName, secretKey, secretOfSpace string
}

// configurationOf returns the configuration with a name, or the standard one with an empty name. The error is an *Error.
func configurationOf(settings map[string]string, name string) (configuration, error) {
	name = cmp.Or(name, standard)
	if strings.Contains(name, ".") {
		return configuration{}, resolvers.Invalid("cannot use param %q: it is %s, want a name without a dot", paramConfigKey, shown(name))
	}
	get := func(key string) string {
		value, ok := settings[name+"."+key]
		if !ok && name == standard {
			value = settings[key]
		}
		return strings.TrimSpace(value)
	}
	if name != standard && !configured(settings, name) {
		return configuration{}, resolvers.Invalid("cannot use param %q: ConfigMap git-resolver-config has no key with the prefix %s",
			paramConfigKey, shown(name+"."))
	}
	c := configuration{
		name: name, url: get(keyURL), revision: get(keyRevision), org: get(keyOrg), server: get(keyServerURL), scm: get(keySCMType),
		secretName: get(keySecretName), secretKey: cmp.Or(get(keySecretKey), standardKey),
		secretOfSpace: cmp.Or(get(keySecretNamespace), "default"),
	}
	var err error
	if name != standard { // the program applies the standard one to all fetches
		c.timeout, err = parseTimeout(get(keyTimeout))
	}
	return c, err
}

// configured reports whether there is a setting of a configuration.
func configured(settings map[string]string, name string) bool {
	for key := range settings {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

// parseTimeout returns the timeout of a setting, or 0 without one.
func parseTimeout(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	timeout, err := time.ParseDuration(text)
	if err != nil || timeout <= 0 || timeout > maxTimeout {
		return 0, resolvers.Failed(err, "cannot use setting %q of ConfigMap git-resolver-config: it is %s, want a duration above 0 and up to %s",
			keyTimeout, shown(text), maxTimeout)
	}
	return timeout, nil
}

// Package settings has the settings of the resolvers: the ConfigMaps that Tekton has for them, with the same names and keys.
package settings

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
	"github.com/sluice-ci/sluice/internal/spelling"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// The names of the ConfigMaps.
const (
	FlagsName   = "resolvers-feature-flags"
	CacheName   = "resolver-cache-config"
	HTTPName    = "http-resolver-config"
	HubName     = "hubresolver-config"
	GitName     = "git-resolver-config"
	BundlesName = "bundleresolver-config"
	ClusterName = config.ClusterResolverName
)

// Keys of several ConfigMaps.
const (
	keyFetchTimeout = "fetch-timeout"
	keyMaxSize      = "max-size"
	keyTTL          = "ttl"
)

const (
	// DefaultFetchTimeout is how long one fetch may take by default.
	DefaultFetchTimeout = time.Minute
	// maxFetchTimeout is the maximum of fetch-timeout.
	maxFetchTimeout = 10 * time.Minute
	// maxEntries and maxTTL are the maximums of max-size and ttl of resolver-cache-config.
	maxEntries = 100_000
	maxTTL     = 24 * time.Hour
	// maxShown is the maximum number of bytes of a value in a message.
	maxShown = 60
)

// Spec describes the ConfigMap of one resolver.
type Spec struct {
	// Type is the type of the resolver.
	Type string
	// ConfigMap is the name of its ConfigMap.
	ConfigMap string
	// Keys are the keys that have an effect, without fetch-timeout, which each resolver has.
	Keys []string
	// Prefixed reports that a key may have the prefix NAME., for one of several configurations.
	Prefixed bool
}

// flag returns the key of resolvers-feature-flags that turns a resolver on.
func (s Spec) flag() string { return "enable-" + s.Type + "-resolver" }

// unprefixed returns the data of the ConfigMap without the prefixes of its keys, if they may have any.
func (s Spec) unprefixed(data map[string]string) map[string]string {
	if !s.Prefixed {
		return data
	}
	plain := make(map[string]string, len(data))
	for key, value := range data {
		if _, rest, found := strings.Cut(key, "."); found {
			key = rest
		}
		plain[key] = value
	}
	return plain
}

// Settings are the settings in force. They are read-only.
type Settings struct {
	off      map[string]bool
	timeouts map[string]time.Duration
	data     map[string]map[string]string
	cache    dispatch.Limits
	// Cluster are the settings of the resolver "cluster".
	Cluster config.ClusterResolvers
}

// Enabled reports whether the resolver of this type is on. All of them are, unless a flag says "false".
func (s *Settings) Enabled(resolver string) bool { return !s.off[resolver] }

// Timeout returns how long one fetch of the resolver may take.
func (s *Settings) Timeout(resolver string) time.Duration {
	if timeout, ok := s.timeouts[resolver]; ok {
		return timeout
	}
	return DefaultFetchTimeout
}

// Of returns the data of the ConfigMap of a resolver, without keys that begin with "_".
func (s *Settings) Of(resolver string) map[string]string { return s.data[resolver] }

// Cache returns the limits of the cache.
func (s *Settings) Cache() dispatch.Limits { return s.cache }

// Source has the data of all ConfigMaps that exist, by name.
type Source struct {
	// Own are those of the resolvers' namespace.
	Own map[string]map[string]string
	// Installation is the data of cluster-resolver-config in the namespace of the controller.
	Installation map[string]string
}

// Parse returns the settings of source, and a sentence for each problem, sorted. A wrong value is replaced by its default.
func Parse(specs []Spec, source Source) (*Settings, []string) {
	p := &parser{}
	s := &Settings{
		off: map[string]bool{}, timeouts: map[string]time.Duration{}, data: map[string]map[string]string{},
		cache: dispatch.Limits{MaxEntries: dispatch.DefaultMaxEntries, TTL: dispatch.DefaultTTL},
	}
	flags := make([]string, 0, len(specs))
	for _, spec := range specs {
		flags = append(flags, spec.flag())
		data := visible(source.Own[spec.ConfigMap])
		s.data[spec.Type] = data
		s.off[spec.Type] = !p.boolean(FlagsName, spec.flag(), source.Own[FlagsName], true)
		s.timeouts[spec.Type] = p.duration(spec.ConfigMap, keyFetchTimeout, data, DefaultFetchTimeout, time.Second, maxFetchTimeout)
		p.known(spec.ConfigMap, spec.unprefixed(data), append([]string{keyFetchTimeout}, spec.Keys...))
	}
	p.known(FlagsName, visible(source.Own[FlagsName]), flags)
	cache := visible(source.Own[CacheName])
	s.cache.MaxEntries = p.number(CacheName, keyMaxSize, cache, dispatch.DefaultMaxEntries, maxEntries)
	s.cache.TTL = p.duration(CacheName, keyTTL, cache, dispatch.DefaultTTL, time.Second, maxTTL)
	p.known(CacheName, cache, []string{keyMaxSize, keyTTL})

	own, problems := config.ParseClusterResolver(source.Installation)
	shared, more := config.ParseClusterResolver(source.Own[ClusterName])
	for _, problem := range append(problems, more...) {
		p.problems = append(p.problems, problem.Error())
	}
	s.Cluster = config.ClusterResolvers{Own: own, Shared: config.ClusterLists{Allowed: shared.Allowed, Blocked: shared.Blocked}}
	slices.Sort(p.problems)
	return s, slices.Compact(p.problems)
}

// visible returns the data of a ConfigMap without keys that begin with "_", which are examples.
func visible(data map[string]string) map[string]string {
	shown := maps.Clone(data)
	maps.DeleteFunc(shown, func(key, _ string) bool { return strings.HasPrefix(key, "_") })
	return shown
}

// parser reads values, and records problems.
type parser struct{ problems []string }

func (p *parser) wrong(configMap, key, value, want string, used any) {
	p.problems = append(p.problems, fmt.Sprintf("%s: %s: %q is not %s; using the default %v",
		configMap, key, truncate.Text(value, maxShown), want, used))
}

func (p *parser) boolean(configMap, key string, data map[string]string, otherwise bool) bool {
	switch value, ok := data[key]; {
	case !ok:
		return otherwise
	case value == "true", value == "false":
		return value == "true"
	default:
		p.wrong(configMap, key, value, `"true" or "false"`, otherwise)
		return otherwise
	}
}

func (p *parser) duration(configMap, key string, data map[string]string, otherwise, least, most time.Duration) time.Duration {
	value, ok := data[key]
	if !ok || value == "" {
		return otherwise
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > most {
		p.wrong(configMap, key, value, fmt.Sprintf("a duration from %s to %s", least, most), otherwise)
		return otherwise
	}
	return d
}

func (p *parser) number(configMap, key string, data map[string]string, otherwise, most int) int {
	value, ok := data[key]
	if !ok || value == "" {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > most {
		p.wrong(configMap, key, value, fmt.Sprintf("a number from 1 to %d", most), otherwise)
		return otherwise
	}
	return n
}

// known records keys without effect.
func (p *parser) known(configMap string, data map[string]string, keys []string) {
	for key := range data {
		if slices.Contains(keys, key) {
			continue
		}
		problem := fmt.Sprintf("%s: %s: this key has no effect", configMap, truncate.Text(key, maxShown))
		if near := spelling.Nearest(key, keys); near != "" {
			problem += fmt.Sprintf("; did you mean %q?", near)
		}
		p.problems = append(p.problems, problem)
	}
}

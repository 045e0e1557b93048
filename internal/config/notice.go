package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/spelling"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// Standing is why a key has no effect.
type Standing string

// The values of Standing, which are also the reasons of events.
const (
	// PolicyIgnored is a security setting that has an effect in Tekton but not in Sluice.
	PolicyIgnored Standing = "SecuritySettingIgnored"
	// KnownIgnored is another setting that has an effect in Tekton but not in Sluice.
	KnownIgnored Standing = "SettingIgnored"
	// Unknown is a key that neither of them has: probably a typo.
	Unknown Standing = "SettingUnknown"
)

// Notice reports a key that has no effect.
type Notice struct {
	// ConfigMap, Key and Value are the setting. The value is truncated to maxShown bytes.
	ConfigMap, Key, Value string
	// Standing is why the key has no effect.
	Standing Standing
	// Text is the complete message, with the names of the ConfigMap and of the key.
	Text string
}

// maxShown is how many bytes of a value a notice shows. A value may be a whole document.
const maxShown = 60

// Reads returns the ConfigMaps of the namespace of the installation that Notices supports, sorted.
func Reads() []string {
	acted := []string{FlagsName, DefaultsName, ClusterResolverName, ObservabilityName, TracingName, EventsName}
	return append(acted, slices.Sorted(maps.Keys(unread()))...)
}

// ReadsOfResolvers returns the ConfigMaps of ResolversNamespace that NoticesOfResolvers supports, sorted. The program
// cmd/resolvers reads the others.
func ReadsOfResolvers() []string { return []string{ClusterResolverName, resolverFlagsName} }

// Notices returns a notice for each key of a ConfigMap that has no effect, security settings first. Keys that begin with "_"
// are examples. A value that means the same in Tekton and Sluice gets no notice.
func Notices(configMap string, data map[string]string) []Notice {
	var notices []Notice
	for key, value := range data {
		if strings.HasPrefix(key, "_") {
			continue
		}
		if n, ok := notice(configMap, key, value); ok {
			notices = append(notices, n)
		}
	}
	rank := map[Standing]int{PolicyIgnored: 0, KnownIgnored: 1, Unknown: 2}
	slices.SortFunc(notices, func(a, b Notice) int {
		return cmp.Or(cmp.Compare(rank[a.Standing], rank[b.Standing]), cmp.Compare(a.Key, b.Key))
	})
	return notices
}

// NoticesOfResolvers returns the notices for a ConfigMap of ResolversNamespace, where only the lists of
// cluster-resolver-config have an effect.
func NoticesOfResolvers(configMap string, data map[string]string) []Notice {
	notices := Notices(configMap, data)
	if configMap != ClusterResolverName {
		return notices
	}
	for _, key := range []string{keyDefaultKind, keyDefaultNamespace} {
		value := strings.TrimSpace(data[key])
		if value == "" {
			continue
		}
		n := Notice{ConfigMap: configMap, Key: key, Value: shown(value), Standing: KnownIgnored}
		n.Text = fmt.Sprintf("%s: %s: %q: has no effect in namespace %s, where only %s and %s are read; set it in "+
			"ConfigMap %s in the namespace of the installation",
			configMap, key, n.Value, ResolversNamespace, keyAllowedNamespaces, keyBlockedNamespaces, configMap)
		notices = append(notices, n)
	}
	return notices
}

// notice returns the notice for one key; ok is false if it needs none.
func notice(configMap, key, value string) (n Notice, ok bool) {
	n = Notice{ConfigMap: configMap, Key: key, Value: shown(value)}
	acted, passed := keysOf(configMap)
	if i := slices.IndexFunc(passed, func(one ignored) bool { return one.key == key }); i >= 0 {
		return n.ignored(passed[i], value)
	}
	if slices.Contains(acted, key) {
		return Notice{}, false
	}
	if whole, found := wholly(configMap); found {
		return n.ignored(whole, value)
	}
	if acted == nil && passed == nil {
		return Notice{}, false // a ConfigMap of another program
	}
	n.Standing = Unknown
	for _, other := range []string{FlagsName, DefaultsName, ClusterResolverName, ObservabilityName, EventsName} {
		if there, elsewhere := keysOf(other); slices.Contains(there, key) ||
			slices.ContainsFunc(elsewhere, func(one ignored) bool { return one.key == key }) {
			n.Text = fmt.Sprintf("%s: %s: has no effect in this ConfigMap; move it to ConfigMap %s", configMap, key, other)
			return n, true
		}
	}
	n.Text = fmt.Sprintf("%s: %s: unknown key without effect, probably a typo", configMap, key)
	for _, one := range passed {
		acted = append(acted, one.key)
	}
	if near := spelling.Nearest(key, acted); near != "" {
		n.Text += fmt.Sprintf("; did you mean %q?", near)
	}
	return n, true
}

// ignored completes a notice about a key of Tekton.
func (n Notice) ignored(one ignored, value string) (Notice, bool) {
	if value = strings.TrimSpace(value); value == "" || slices.Contains(one.agrees, value) {
		return Notice{}, false
	}
	n.Standing = KnownIgnored
	what := "this key has an effect in Tekton but not in Sluice"
	if one.security {
		n.Standing = PolicyIgnored
		what = "SECURITY: Tekton enforces this key, Sluice does not"
	}
	n.Text = fmt.Sprintf("%s: %s: %q: %s: %s", n.ConfigMap, n.Key, n.Value, what, one.because)
	return n, true
}

// keysOf returns the keys of a ConfigMap that have an effect, and the other keys of Tekton.
func keysOf(configMap string) (acted []string, passed []ignored) {
	switch configMap {
	case FlagsName:
		return flagKeys(), ignoredFlags()
	case DefaultsName:
		return defaultsKeys(), ignoredDefaults()
	case ClusterResolverName:
		return clusterKeys(), nil
	case ObservabilityName:
		return observabilityKeys(), ignoredObservability()
	case TracingName:
		return tracingKeys(), ignoredTracing()
	case EventsName:
		return eventsKeys(), nil
	case SettingsName:
		return slices.Concat(flagKeys(), defaultsKeys(), observabilityKeys()),
			slices.Concat(ignoredFlags(), ignoredDefaults(), ignoredObservability())
	case resolverFlagsName:
		return resolverFlagKeys(), ignoredResolverFlags()
	default:
		return nil, nil
	}
}

// wholly returns the reason for a ConfigMap without effect.
func wholly(configMap string) (ignored, bool) {
	one, ok := unread()[configMap]
	return one, ok
}

// shown truncates a value.
func shown(value string) string {
	return truncate.Text(value, maxShown)
}

// Summaries returns the notices for events: one for each security setting, and one for each other standing, truncated to the
// maximum size of an event.
func Summaries(notices []Notice) []Notice {
	var all []Notice
	for _, standing := range []Standing{PolicyIgnored, KnownIgnored, Unknown} {
		var together []string
		var of Notice
		for _, n := range notices {
			if n.Standing != standing {
				continue
			}
			if of = n; standing == PolicyIgnored {
				all = append(all, n)
				continue
			}
			together = append(together, n.Text)
		}
		if len(together) > 0 {
			of.Text = fitted(together)
			all = append(all, of)
		}
	}
	return all
}

// maxNote is the maximum size of the note of an event, in bytes (events.k8s.io/v1: 1024).
const maxNote = 1000

// fitted joins sentences up to the maximum size of an event, and counts the rest.
func fitted(sentences []string) string {
	const reserve = 60 // for the count
	text := sentences[0]
	for i, sentence := range sentences[1:] {
		if len(text)+len(sentence) > maxNote-reserve {
			return text + "; and " + strconv.Itoa(len(sentences)-1-i) + " more: run sluice doctor to see all"
		}
		text += "; " + sentence
	}
	return text
}

// Acts reports whether a key of a ConfigMap has an effect in the controller, or in the program cmd/resolvers for
// resolvers-feature-flags.
func Acts(configMap, key string) bool {
	acted, _ := keysOf(configMap)
	return slices.Contains(acted, key)
}

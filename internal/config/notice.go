package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/spelling"
)

// Standing says why a key has no effect.
type Standing string

// The standings, which are also the reasons of the events about them.
const (
	// PolicyIgnored is a security setting that Tekton acts on and Sluice does not.
	PolicyIgnored Standing = "SecuritySettingIgnored"
	// KnownIgnored is any other setting that Tekton acts on and Sluice does not.
	KnownIgnored Standing = "SettingIgnored"
	// Unknown is a key that neither knows, which is probably a typing mistake.
	Unknown Standing = "SettingUnknown"
)

// Notice is what an administrator should know about a key that has no effect.
type Notice struct {
	// ConfigMap, Key and Value are the setting. The value is cut after maxShown bytes.
	ConfigMap, Key, Value string
	// Standing says why the key has no effect.
	Standing Standing
	// Text is the whole sentence, with the names of the ConfigMap and of the key.
	Text string
}

// maxShown is how much of a value is shown: a key may hold a whole document.
const maxShown = 60

// Reads lists the ConfigMaps of the installation's namespace that Notices knows something about, sorted.
func Reads() []string {
	return append([]string{FlagsName, DefaultsName, ClusterResolverName}, slices.Sorted(maps.Keys(unread()))...)
}

// ReadsOfResolvers lists those of ResolversNamespace, sorted.
func ReadsOfResolvers() []string {
	return append([]string{ClusterResolverName}, slices.Sorted(maps.Keys(unreadResolvers()))...)
}

// Notices returns a notice for each key of a ConfigMap that has no effect, the security settings first. Keys that begin
// with "_" are examples. A key with a value that changes nothing elsewhere either is not worth a notice.
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
		n.Text = fmt.Sprintf("%s: %s: %q: has no effect in namespace %s, of which only %s and %s are read; set it in ConfigMap %s of the installation's namespace",
			configMap, key, n.Value, ResolversNamespace, keyAllowedNamespaces, keyBlockedNamespaces, configMap)
		notices = append(notices, n)
	}
	return notices
}

// notice judges one key; ok is false when there is nothing to say.
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
		return Notice{}, false // a ConfigMap that has nothing to do with either
	}
	n.Standing = Unknown
	for _, other := range []string{FlagsName, DefaultsName, ClusterResolverName} {
		if there, elsewhere := keysOf(other); slices.Contains(there, key) || slices.ContainsFunc(elsewhere, func(one ignored) bool { return one.key == key }) {
			n.Text = fmt.Sprintf("%s: %s: has no effect in this ConfigMap; move it to ConfigMap %s", configMap, key, other)
			return n, true
		}
	}
	n.Text = fmt.Sprintf("%s: %s: unknown key without any effect, probably a typing mistake", configMap, key)
	for _, one := range passed {
		acted = append(acted, one.key)
	}
	if near := spelling.Nearest(key, acted); near != "" {
		n.Text += fmt.Sprintf("; did you mean %q?", near)
	}
	return n, true
}

// ignored completes a notice about a key that Tekton knows.
func (n Notice) ignored(one ignored, value string) (Notice, bool) {
	if value = strings.TrimSpace(value); value == "" || slices.Contains(one.agrees, value) {
		return Notice{}, false
	}
	n.Standing = KnownIgnored
	what := "Tekton knows this key, and Sluice does not act on it"
	if one.security {
		n.Standing = PolicyIgnored
		what = "SECURITY: Tekton enforces this key, and Sluice does not act on it"
	}
	n.Text = fmt.Sprintf("%s: %s: %q: %s: %s", n.ConfigMap, n.Key, n.Value, what, one.because)
	return n, true
}

// keysOf returns the keys of a ConfigMap that are acted on, and those that Tekton knows besides.
func keysOf(configMap string) (acted []string, passed []ignored) {
	switch configMap {
	case FlagsName:
		return flagKeys(), ignoredFlags()
	case DefaultsName:
		return defaultsKeys(), ignoredDefaults()
	case ClusterResolverName:
		return clusterKeys(), nil
	case resolverFlagsName:
		return nil, ignoredResolverFlags()
	default:
		return nil, nil
	}
}

// wholly returns why no key of a ConfigMap has an effect.
func wholly(configMap string) (ignored, bool) {
	if one, ok := unread()[configMap]; ok {
		return one, true
	}
	one, ok := unreadResolvers()[configMap]
	return one, ok
}

// shown is the beginning of a value.
func shown(value string) string {
	if len(value) <= maxShown {
		return value
	}
	return strings.ToValidUTF8(value[:maxShown], "") + "…"
}

// Summaries are the texts of events about the notices: one for each security setting, and one for each other standing, cut to
// what an event may hold.
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

// maxNote is how many bytes the note of an event may have (events.k8s.io/v1: 1024).
const maxNote = 1000

// fitted joins sentences as far as an event can hold them, and counts the rest.
func fitted(sentences []string) string {
	const reserve = 60 // for the count
	text := sentences[0]
	for i, sentence := range sentences[1:] {
		if len(text)+len(sentence) > maxNote-reserve {
			return text + "; and " + strconv.Itoa(len(sentences)-1-i) + " more: sluice doctor names them all"
		}
		text += "; " + sentence
	}
	return text
}

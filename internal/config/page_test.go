package config

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/test/testutil/tables"
)

var update = flag.Bool("update", false, "write the keys without effect into docs/settings.md")

// settingsPage has all settings. Two other pages have some of them, with more explanation.
const settingsPage = "../../docs/settings.md"

func pageOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// configMaps are those of the installation whose keys have an effect.
func configMaps() []string {
	return []string{FlagsName, DefaultsName, EventsName, ObservabilityName, TracingName, ClusterResolverName}
}

// withoutEffect returns the keys that the controller accepts and that have no effect, although they are not reported.
func withoutEffect() []string { return []string{keyAPIFields, keyEmbeddedStatus} }

// TestEveryKeyIsListed: a table of the pages must have each key that has an effect.
func TestEveryKeyIsListed(t *testing.T) {
	var listed []string
	for _, page := range []string{settingsPage, "../../docs/metrics.md", "../../docs/signed-results.md"} {
		text := pageOf(t, page)
		for _, title := range []string{"key", "key of `config-observability`", "key of `feature-flags`"} {
			listed = append(listed, tables.First(text, title)...)
		}
	}
	for _, name := range configMaps() {
		acted, _ := keysOf(name)
		for _, key := range acted {
			if !slices.Contains(listed, key) && !slices.Contains(withoutEffect(), key) {
				t.Errorf("no table of docs/settings.md, docs/metrics.md and docs/signed-results.md has the key %s of %s", key, name)
			}
		}
	}
}

// TestListedKeysExist: a key in a table of the page that does not name another ConfigMap must be one of the controller.
func TestListedKeysExist(t *testing.T) {
	found := 0
	for _, table := range tables.Of(pageOf(t, settingsPage)) {
		if table.Header[0] != "key" || table.Heading == "Resolvers" { // cmd/resolvers has a test for these
			continue
		}
		for _, row := range table.Rows {
			for _, key := range tables.Codes(row[0]) {
				found++
				if !slices.ContainsFunc(configMaps(), func(name string) bool { return Acts(name, key) }) {
					t.Errorf("docs/settings.md, %q, lists %s, which no ConfigMap has", table.Heading, key)
				}
			}
		}
	}
	const least = 35
	if found < least {
		t.Errorf("want at least %d keys in the tables of docs/settings.md, got %d", least, found)
	}
}

const (
	tableBegins = "<!-- keys: written by go test ./internal/config -run TestKeysWithoutEffectAreListed -update -->\n"
	tableEnds   = "<!-- end of keys -->"
)

// TestKeysWithoutEffectAreListed: the page must list each key of Tekton that has no effect, with what Sluice does instead.
func TestKeysWithoutEffectAreListed(t *testing.T) {
	page := pageOf(t, settingsPage)
	before, rest, begins := strings.Cut(page, tableBegins)
	table, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s has no place for the keys without effect", settingsPage)
	}
	want := keysWithoutEffect()
	if *update {
		if err := os.WriteFile(settingsPage, []byte(before+tableBegins+want+tableEnds+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Error("docs/settings.md does not list the keys without effect; run go test ./internal/config -update")
	}
}

// keysWithoutEffect returns the table of the page.
func keysWithoutEffect() string {
	var out strings.Builder
	out.WriteString("\n| ConfigMap | key of Tekton | in Sluice |\n|---|---|---|\n")
	for _, name := range append(configMaps(), resolverFlagsName) {
		_, passed := keysOf(name)
		for _, one := range passed {
			fmt.Fprintf(&out, "| `%s` | `%s` | %s |\n", name, one.key, one.because)
		}
	}
	all := unread()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&out, "| `%s` | all | %s |\n", name, all[name].because)
	}
	out.WriteString("\n")
	return out.String()
}

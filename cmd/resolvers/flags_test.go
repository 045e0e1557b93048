package main

import (
	"flag"
	"os"
	"testing"

	"github.com/sluice-ci/sluice/internal/resolvers/settings"
	"github.com/sluice-ci/sluice/test/testutil/tables"
	"github.com/sluice-ci/sluice/test/testutil/tables/flagpage"
)

// TestFlagsAreListed: docs/flags.md lists each flag with its default, and no other flag.
func TestFlagsAreListed(t *testing.T) {
	flags := flag.NewFlagSet("resolvers", flag.ContinueOnError)
	bind(flags)
	flagpage.Check(t, "The resolvers", flags, nil)
}

// TestSettingsAreListed: docs/settings.md lists each key of each ConfigMap of the resolvers, and no other key.
func TestSettingsAreListed(t *testing.T) {
	text, err := os.ReadFile("../../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, table := range tables.Of(string(text)) {
		if table.Heading != "Resolvers" || table.Header[0] != "key" {
			continue
		}
		for _, row := range table.Rows {
			for _, key := range tables.Codes(row[0]) {
				listed[row[1]+" "+key] = true
			}
		}
	}
	for _, want := range settingsOfResolvers() {
		if !listed[want] {
			t.Errorf("docs/settings.md, %q, does not list %s", "Resolvers", want)
		}
		delete(listed, want)
	}
	for other := range listed {
		t.Errorf("docs/settings.md, %q, lists %s, which does not exist", "Resolvers", other)
	}
}

// settingsOfResolvers returns the ConfigMap and the key of each setting, as the page writes them. The page lists the keys of the
// resolver cluster in another section.
func settingsOfResolvers() []string {
	all := []string{
		"that of each resolver, such as `http-resolver-config` fetch-timeout",
		"`resolver-cache-config` max-size", "`resolver-cache-config` ttl",
	}
	for _, spec := range specs() {
		all = append(all, "`resolvers-feature-flags` enable-"+spec.Type+"-resolver")
		if spec.ConfigMap == settings.ClusterName {
			continue
		}
		for _, key := range spec.Keys {
			all = append(all, "`"+spec.ConfigMap+"` "+key)
		}
	}
	return all
}

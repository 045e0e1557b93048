package config

import (
	"strings"
	"testing"
)

// TestAddressesAreConfidential: the errors about an address are in the log and in events, so they do not have what only readers of the
// ConfigMap may see.
func TestAddressesAreConfidential(t *testing.T) {
	of := map[string]func(address string) []SettingError{
		"Sink": func(address string) []SettingError {
			_, problems := ParseEvents(map[string]string{"sink": address})
			return problems
		},
		"OlderSink": func(address string) []SettingError {
			_, problems := ParseDefaults(map[string]string{"default-cloud-events-sink": address})
			return problems
		},
		"Traces": func(address string) []SettingError {
			_, problems := ParseTracing(map[string]string{"endpoint": address})
			return problems
		},
		"Metrics": func(address string) []SettingError {
			_, problems := ParseObservability(map[string]string{"metrics-protocol": "http/protobuf", "metrics-endpoint": address})
			return problems
		},
		"MetricsOff": func(address string) []SettingError {
			_, problems := ParseObservability(map[string]string{"metrics-endpoint": address})
			return problems
		},
	}
	for name, tc := range map[string]struct {
		address string
		shown   string
	}{
		"User": {
			address: "https://me:hidden@host.example.com",
			shown:   `"https://…@host.example.com"`,
		},
		"OddUser": {
			address: "https://me:hidden/hidden%zz?@host.example.com/hidden",
			shown:   `"https://…@host.example.com/…"`,
		},
		"Token": {
			address: "ftp://host.example.com:99/hidden?token=hidden",
			shown:   `"ftp://host.example.com:99/…"`,
		},
		"Scheme": {
			address: "host.example.com:99/hidden",
			shown:   `"host.example.com:99/…"`,
		},
		"Control": {
			address: "http://host.example.com\x7f?hidden",
			shown:   `"http://host.example.com\x7f?…"`,
		},
	} {
		for key, parse := range of {
			t.Run(key+name, func(t *testing.T) {
				problems := parse(tc.address)
				if len(problems) != 1 {
					t.Fatalf("want one problem, got %v", problems)
				}
				if text := problems[0].Error(); !strings.Contains(text, tc.shown) || strings.Contains(text, "hidden") {
					t.Errorf("want %s, and nothing confidential, in %q", tc.shown, text)
				}
			})
		}
	}
}

package settings

import (
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/resolvers/dispatch"
)

func specs() []Spec {
	return []Spec{
		{Type: "git", ConfigMap: GitName, Keys: []string{"default-url"}},
		{Type: "http", ConfigMap: HTTPName},
		{Type: "cluster", ConfigMap: ClusterName, Keys: []string{"allowed-namespaces"}},
	}
}

func TestParse(t *testing.T) {
	type maps = map[string]map[string]string
	cases := map[string]struct {
		reason string
		own    maps
		check  func(*Settings) bool
		// problem is in the only problem; empty: there is none.
		problem string
	}{
		"Defaults": {
			reason: "Without ConfigMaps every resolver is on.",
			check: func(s *Settings) bool {
				return s.Enabled("git") && s.Enabled("http") && s.Timeout("git") == time.Minute &&
					s.Cache() == dispatch.Limits{MaxEntries: 1000, TTL: 5 * time.Minute}
			},
		},
		"Off": {
			reason: "A flag turns one off.",
			own:    maps{FlagsName: {"enable-http-resolver": "false"}},
			check:  func(s *Settings) bool { return s.Enabled("git") && !s.Enabled("http") },
		},
		"WrongFlag": {
			reason:  "A word that is no flag is reported.",
			own:     maps{FlagsName: {"enable-http-resolver": "no"}},
			check:   func(s *Settings) bool { return s.Enabled("http") },
			problem: `resolvers-feature-flags: enable-http-resolver: "no" is not "true" or "false"`,
		},
		"UnknownFlag": {
			reason:  "A typo is reported with the nearest key.",
			own:     maps{FlagsName: {"enable-htpp-resolver": "false"}},
			check:   func(s *Settings) bool { return s.Enabled("http") },
			problem: `enable-htpp-resolver: this key has no effect; did you mean "enable-http-resolver"?`,
		},
		"Example": {
			reason: "Keys that begin with _ are examples.",
			own:    maps{FlagsName: {"_example": "x"}, GitName: {"_example": "x", "default-url": "u"}},
			check:  func(s *Settings) bool { return len(s.Of("git")) == 1 && s.Of("git")["default-url"] == "u" },
		},
		"Timeout": {
			reason: "Each resolver has its timeout.",
			own:    maps{HTTPName: {"fetch-timeout": "5s"}},
			check:  func(s *Settings) bool { return s.Timeout("http") == 5*time.Second && s.Timeout("git") == time.Minute },
		},
		"EndlessTimeout": {
			reason:  "A timeout has a limit.",
			own:     maps{HTTPName: {"fetch-timeout": "24h"}},
			check:   func(s *Settings) bool { return s.Timeout("http") == time.Minute },
			problem: `http-resolver-config: fetch-timeout: "24h" is not a duration from 1s to 10m0s; using the default 1m0s`,
		},
		"Cache": {
			reason: "The cache has limits.",
			own:    maps{CacheName: {"max-size": "10", "ttl": "1h"}},
			check:  func(s *Settings) bool { return s.Cache() == dispatch.Limits{MaxEntries: 10, TTL: time.Hour} },
		},
		"NegativeCache": {
			reason:  "A size is positive.",
			own:     maps{CacheName: {"max-size": "-1"}},
			check:   func(s *Settings) bool { return s.Cache().MaxEntries == 1000 },
			problem: `resolver-cache-config: max-size: "-1" is not a number from 1 to 100000`,
		},
		"Cluster": {
			reason: "The lists for the resolver cluster apply.",
			own:    maps{ClusterName: {"allowed-namespaces": "shared"}},
			check:  func(s *Settings) bool { return len(s.Cluster.Shared.Allowed) == 1 && len(s.Cluster.Own.Allowed) == 0 },
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, problems := Parse(specs(), Source{Own: tc.own})
			if !tc.check(s) {
				t.Errorf("%s\ngot %+v", tc.reason, s)
			}
			if got := strings.Join(problems, "; "); (got == "") != (tc.problem == "") || !strings.Contains(got, tc.problem) {
				t.Errorf("%s\nwant problem %q, got %q", tc.reason, tc.problem, got)
			}
		})
	}
}

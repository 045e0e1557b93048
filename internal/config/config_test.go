package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseFlags(t *testing.T) {
	defaults := Default().Flags
	cases := map[string]struct {
		reason   string
		data     map[string]string
		want     Flags
		problems []string // what each problem's text must hold
	}{
		"Empty":      {"no ConfigMap means the proposal's defaults", nil, Flags{TerminationMessage, true, 4096}, nil},
		"Sidecar":    {"the two flags together", map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"}, Flags{SidecarLogs, true, 1000000}, nil},
		"Typo":       {"a value that is nearly right is refused by name", map[string]string{"results-from": "sidecar-log"}, defaults, []string{`results-from: "sidecar-log" is not one of "sidecar-logs", "termination-message"`}},
		"EmptyValue": {"an empty value is not the default in disguise", map[string]string{"results-from": ""}, defaults, []string{`results-from: ""`}},
		"NotANumber": {"a word is not a size", map[string]string{"max-result-size": "ten"}, defaults, []string{`max-result-size: "ten"`}},
		"Unit":       {"units are not understood, so they must not be guessed", map[string]string{"max-result-size": "1Mi"}, defaults, []string{`max-result-size: "1Mi"`}},
		"Zero":       {"below the smallest size", map[string]string{"max-result-size": "0"}, defaults, []string{`max-result-size: "0"`}},
		"Negative":   {"below the smallest size", map[string]string{"max-result-size": "-1"}, defaults, []string{`max-result-size: "-1"`}},
		"One":        {"the smallest size", map[string]string{"max-result-size": "1"}, Flags{TerminationMessage, true, 1}, nil},
		"Largest":    {"the largest size", map[string]string{"max-result-size": "1572863"}, Flags{TerminationMessage, true, 1572863}, nil},
		"AtLimit":    {"1.5 MiB is what the whole object can hold, so no value can be that large", map[string]string{"max-result-size": "1572864"}, defaults, []string{`max-result-size: "1572864"`, `1572863`}},
		"TooLarge":   {"over the object's limit", map[string]string{"max-result-size": "2000000"}, defaults, []string{`max-result-size: "2000000"`, "using the default 4096"}},
		"BothWrong":  {"every problem is named, not only the first", map[string]string{"results-from": "x", "max-result-size": "y"}, defaults, []string{`results-from: "x"`, `max-result-size: "y"`}},
		"OneWrong":   {"a bad flag does not take a good one with it", map[string]string{"results-from": "sidecar-logs", "max-result-size": "y"}, Flags{SidecarLogs, true, 4096}, []string{`max-result-size: "y"`}},
		"PerRun":     {"an administrator may keep the choice", map[string]string{"enable-results-from-annotation": "false"}, Flags{TerminationMessage, false, 4096}, nil},
		"PerRunTypo": {"a word that is nearly a boolean is none", map[string]string{"enable-results-from-annotation": "no"}, defaults, []string{`enable-results-from-annotation: "no" is not "true" or "false"; using the default true`}},
		"Unknown":    {"flags of the peer are accepted", map[string]string{"coschedule": "workspaces", "_example": "x"}, defaults, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, problems := ParseFlags(tc.data, []ResultsFrom{TerminationMessage, SidecarLogs})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			texts := ""
			for _, p := range problems {
				texts += p.Error() + "\n"
			}
			for _, want := range tc.problems {
				if !strings.Contains(texts, want) {
					t.Errorf("%s: want %q in the problems, got:\n%s", tc.reason, want, texts)
				}
			}
			if (len(tc.problems) == 0) != (len(problems) == 0) {
				t.Errorf("%s: unexpected problems:\n%s", tc.reason, texts)
			}
		})
	}
}

func TestParseDefaults(t *testing.T) {
	cases := map[string]struct {
		reason  string
		data    map[string]string
		want    Defaults
		problem string
	}{
		"Empty":    {"an hour, as users of the API know it", nil, Defaults{Timeout: time.Hour}, ""},
		"Set":      {"both settings", map[string]string{"default-timeout-minutes": "5", "default-service-account": "ci"}, Defaults{5 * time.Minute, "ci"}, ""},
		"None":     {"0 means no timeout", map[string]string{"default-timeout-minutes": "0"}, Defaults{}, ""},
		"Negative": {"time does not run backwards", map[string]string{"default-timeout-minutes": "-1"}, Defaults{Timeout: time.Hour}, `default-timeout-minutes: "-1"`},
		"Word":     {"a duration is not a number of minutes", map[string]string{"default-timeout-minutes": "1h"}, Defaults{Timeout: time.Hour}, `default-timeout-minutes: "1h"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, problems := ParseDefaults(tc.data)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if tc.problem == "" && len(problems) > 0 || tc.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0].Error(), tc.problem)) {
				t.Errorf("%s: want problem %q, got %v", tc.reason, tc.problem, problems)
			}
		})
	}
}

func TestIgnored(t *testing.T) {
	got := Ignored(map[string]string{"results-from": "x", "_example": "", "coschedule": "", "await-sidecar-readiness": ""})
	if diff := cmp.Diff([]string{"await-sidecar-readiness", "coschedule"}, got); diff != "" {
		t.Errorf("known keys and examples are not reported, the rest is, sorted: -want +got:\n%s", diff)
	}
}

func TestStoreKeepsTheOtherHalf(t *testing.T) {
	s := NewStore(Default())
	s.SetFlags(Flags{SidecarLogs, true, 7})
	s.SetDefaults(Defaults{ServiceAccount: "ci"})
	if diff := cmp.Diff(Config{Flags{SidecarLogs, true, 7}, Defaults{ServiceAccount: "ci"}}, s.Load()); diff != "" {
		t.Errorf("each setter replaces its half only: -want +got:\n%s", diff)
	}
}

//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// patchFlags runs the documented command, with another value.
func patchFlags(ctx context.Context, configMap, key, value string) (stderr string, err error) {
	_, stderr, err = kubectl(ctx, "", "patch", "cm", configMap, "-n", installation, "-p",
		fmt.Sprintf(`{"data":{%q:%q}}`, key, value))
	return stderr, err
}

// restoreFlags restores the settings that a test changes, because the tests share them.
func restoreFlags(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		for _, s := range [][3]string{
			{"feature-flags", "results-from", "termination-message"},
			{"feature-flags", "max-result-size", "4096"},
			{"config-defaults", "default-timeout-minutes", "60"},
		} {
			if _, err := patchFlags(context.Background(), s[0], s[1], s[2]); err != nil {
				t.Errorf("cannot restore %s: %v", s[1], err)
			}
		}
	})
}

// TestWrongFlagIsRefused: the API server refuses a typo in results-from, with a clear message.
func TestWrongFlagIsRefused(t *testing.T) {
	restoreFlags(t)
	for name, value := range map[string]string{"Typo": "sidecar-log", "Case": "Sidecar-Logs", "Empty": ""} {
		t.Run(name, func(t *testing.T) {
			// A policy is in effect shortly after it was applied.
			eventually(t, func(ctx context.Context) error {
				_, err := patchFlags(ctx, "feature-flags", "results-from", value)
				if err == nil {
					return fmt.Errorf("results-from %q was accepted", value)
				}
				want := fmt.Sprintf(`feature-flags: results-from: "%s" is not one of "termination-message", "sidecar-logs"`, value)
				if !strings.Contains(err.Error(), want) {
					t.Fatalf("want %s, got: %v", want, err)
				}
				return nil
			})
		})
	}
	for _, value := range []string{"sidecar-logs", "termination-message"} {
		if stderr, err := patchFlags(t.Context(), "feature-flags", "results-from", value); err != nil || stderr != "" {
			t.Errorf("results-from %q must be accepted without a warning, got %q: %v", value, stderr, err)
		}
	}
}

// TestOtherFlagsAreNotOurs: the policy does not affect other namespaces.
func TestOtherFlagsAreNotOurs(t *testing.T) {
	namespace := newNamespace(t)
	mustKubectl(t, "create", "configmap", "feature-flags", "-n", namespace, "--from-literal=results-from=elsewhere")
}

// TestDoubtfulNumberWarns: a number that the controller would not use is accepted with a warning.
func TestDoubtfulNumberWarns(t *testing.T) {
	restoreFlags(t)
	cases := map[string]struct {
		reason    string
		configMap string
		key       string
		value     string
		warns     bool
	}{
		"Word": {
			reason:    "a word is no size",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "ten",
			warns:     true,
		},
		"Unit": {
			reason:    "units are not understood",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "1Mi",
			warns:     true,
		},
		"Zero": {
			reason:    "below the smallest",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "0",
			warns:     true,
		},
		"Negative": {
			reason:    "below the smallest",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "-1",
			warns:     true,
		},
		"Limit": {
			reason:    "what the whole object can hold",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "1572864",
			warns:     true,
		},
		"TooLarge": {
			reason:    "more than the whole object can hold",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "2000000",
			warns:     true,
		},
		"Overflow": {
			reason:    "more than a number can hold",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "99999999999999999999999",
			warns:     true,
		},
		"Largest": {
			reason:    "the largest",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "1572863",
		},
		"Smallest": {
			reason:    "the smallest",
			configMap: "feature-flags",
			key:       "max-result-size",
			value:     "1",
		},
		"Hour": {
			reason:    "a duration is no number of minutes",
			configMap: "config-defaults",
			key:       "default-timeout-minutes",
			value:     "1h",
			warns:     true,
		},
		"None": {
			reason:    "no timeout",
			configMap: "config-defaults",
			key:       "default-timeout-minutes",
			value:     "0",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := fmt.Sprintf(`%s: %s: "%s" is not a number`, tc.configMap, tc.key, tc.value)
			eventually(t, func(ctx context.Context) error {
				stderr, err := patchFlags(ctx, tc.configMap, tc.key, tc.value)
				switch {
				case err != nil:
					t.Fatalf("%s\n%s must be accepted: %v", tc.reason, tc.value, err)
				case tc.warns && !strings.Contains(stderr, want):
					return fmt.Errorf("%s: want a warning with %s, got %q", tc.reason, want, stderr)
				case !tc.warns && stderr != "":
					return errors.New(tc.reason + ": want no warning, got " + stderr)
				}
				return nil
			})
		})
	}
}

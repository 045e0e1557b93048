//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestOtherSettings shows what is said of settings that the controller would not use: words that are nearly right are stored
// with a warning, and a form of status that there is not is refused.
func TestOtherSettings(t *testing.T) {
	cases := map[string]struct {
		reason    string
		configMap string
		key       string
		value     string
		want      string // what is said; empty for nothing
		refused   bool
	}{
		"Switch":    {"a switch is true or false", "feature-flags", "keep-pod-on-cancel", "yes", `keep-pod-on-cancel: "yes" is neither "true" nor "false"`, false},
		"Known":     {"a switch that is one", "feature-flags", "keep-pod-on-cancel", "true", "", false},
		"Place":     {"pods are scheduled together in four ways", "feature-flags", "coschedule", "nodes", `coschedule: "nodes" is not one of`, false},
		"Status":    {"statuses of the past are refused by name", "feature-flags", "embedded-status", "both", `embedded-status: "both" is not "minimal"`, true},
		"Duration":  {"a number is no duration", "config-defaults", "default-imagepullbackoff-timeout", "5", `default-imagepullbackoff-timeout: "5" is not a duration`, false},
		"Durations": {"a duration has units", "config-defaults", "default-imagepullbackoff-timeout", "1m30s", "", false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() {
				patch := fmt.Sprintf(`{"data":{%q:null}}`, tc.key)
				if _, stderr, err := kubectl(context.Background(), "", "patch", "cm", tc.configMap, "-n", installation, "-p", patch); err != nil {
					t.Errorf("cannot set %s back: %v\n%s", tc.key, err, stderr)
				}
			})
			// A policy is in force a moment after it was applied.
			eventually(t, func(ctx context.Context) error {
				said, err := patchFlags(ctx, tc.configMap, tc.key, tc.value)
				if err != nil {
					said += err.Error()
				}
				if (err != nil) != tc.refused || !strings.Contains(said, tc.want) || tc.want == "" && said != "" {
					return fmt.Errorf("%s: want %q (refused: %t), got %q", tc.reason, tc.want, tc.refused, said)
				}
				return nil
			})
		})
	}
}

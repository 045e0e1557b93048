//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestOtherSettings: settings that the controller would not use are accepted with a warning if they are nearly correct. An
// unknown form of the status is refused.
func TestOtherSettings(t *testing.T) {
	cases := map[string]struct {
		reason    string
		configMap string
		key       string
		value     string
		want      string // part of the warning or refusal; empty for none
		refused   bool
	}{
		"Switch": {
			reason:    "a switch is true or false",
			configMap: "feature-flags",
			key:       "keep-pod-on-cancel",
			value:     "yes",
			want:      `keep-pod-on-cancel: "yes" is neither "true" nor "false"`,
		},
		"Known": {
			reason:    "a switch that is one",
			configMap: "feature-flags",
			key:       "keep-pod-on-cancel",
			value:     "true",
		},
		"Place": {
			reason:    "pods are scheduled together in four ways",
			configMap: "feature-flags",
			key:       "coschedule",
			value:     "nodes",
			want:      `coschedule: "nodes" is not one of`,
		},
		"Status": {
			reason:    "statuses of the past are refused by name",
			configMap: "feature-flags",
			key:       "embedded-status",
			value:     "both",
			want:      `embedded-status: "both" is not "minimal"`,
			refused:   true,
		},
		"Duration": {
			reason:    "a number is no duration",
			configMap: "config-defaults",
			key:       "default-imagepullbackoff-timeout",
			value:     "5",
			want:      `default-imagepullbackoff-timeout: "5" is not a duration`,
		},
		"Durations": {
			reason:    "a duration has units",
			configMap: "config-defaults",
			key:       "default-imagepullbackoff-timeout",
			value:     "1m30s",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() {
				patch := fmt.Sprintf(`{"data":{%q:null}}`, tc.key)
				if _, stderr, err := kubectl(context.Background(), "", "patch", "cm", tc.configMap, "-n", installation, "-p", patch); err != nil {
					t.Errorf("cannot restore %s: %v\n%s", tc.key, err, stderr)
				}
			})
			// A policy is in effect shortly after it was applied.
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

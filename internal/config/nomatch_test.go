package config

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/trust"
)

// TestUnknownNoMatchPolicy: a typing error in the setting must not permit more than the value that was meant.
func TestUnknownNoMatchPolicy(t *testing.T) {
	cases := map[string]struct {
		data     map[string]string
		want     trust.NoMatch
		problems int
	}{
		"None": {
			want: trust.NoMatchIgnore,
		},
		"Ignore": {
			data: map[string]string{keyNoMatchPolicy: "ignore"},
			want: trust.NoMatchIgnore,
		},
		"Warn": {
			data: map[string]string{keyNoMatchPolicy: "warn"},
			want: trust.NoMatchWarn,
		},
		"Fail": {
			data: map[string]string{keyNoMatchPolicy: "fail"},
			want: trust.NoMatchFail,
		},
		"Unknown": {
			data:     map[string]string{keyNoMatchPolicy: "Fail"},
			want:     trust.NoMatchFail,
			problems: 1,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			flags, problems := ParseFlags(tc.data, nil)
			if flags.NoMatchPolicy != tc.want || len(problems) != tc.problems {
				t.Errorf("want %q and %d problems, got %q, %v", tc.want, tc.problems, flags.NoMatchPolicy, problems)
			}
		})
	}
}

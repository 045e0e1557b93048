package formatflag

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

type format string

func TestRegister(t *testing.T) {
	cases := map[string]struct {
		reason string
		args   []string
		want   format
		err    string
	}{
		"Default": {
			reason: "without the flag the format is what it was",
			want:   "text",
		},
		"Other": {
			reason: "the flag sets the format",
			args:   []string{"-o", "json"},
			want:   "json",
		},
		"Unknown": {
			reason: "the error lists the formats in the order of help",
			args:   []string{"--output", "yaml"},
			want:   "text",
			err:    `want one of text|json`,
		},
		"Case": {
			reason: "formats are lower case",
			args:   []string{"-o", "JSON"},
			want:   "text",
			err:    `want one of text|json`,
		},
		"Empty": {
			reason: "an empty value is no format",
			args:   []string{"-o", ""},
			want:   "text",
			err:    `want one of text|json`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := format("text")
			c := &cobra.Command{Use: "print", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { return nil }}
			c.SetOut(io.Discard)
			c.SetArgs(append([]string{}, tc.args...))
			Register(c, &got, "text", "json")
			err := c.Execute()
			if failed := err != nil; failed != (tc.err != "") || failed && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: want error %q, got %v", tc.reason, tc.err, err)
			}
			if got != tc.want {
				t.Errorf("%s: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}

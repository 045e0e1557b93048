package predict

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestWritten(t *testing.T) {
	cases := map[string]struct {
		reason, script string
		want           map[string]string
	}{
		"Here": {
			reason: "a document is the result, with its line feeds",
			script: "cat > $(results.a.path) <<'E'\none\ntwo\nE\ntrue",
			want:   map[string]string{"a": "one\ntwo\n"},
		},
		"HereAfter": {
			reason: "in either order",
			script: "cat <<'E' > \"$(results.a.path)\"\none\nE",
			want:   map[string]string{"a": "one\n"},
		},
		"OfStep": {
			reason: "a step's result, too",
			script: "cat > $(step.results.a.path) <<'E'\none\nE",
			want:   map[string]string{"a": "one\n"},
		},
		"Echo": {
			reason: "echo ends the line",
			script: "echo 'one two' > $(results.a.path)",
			want:   map[string]string{"a": "one two\n"},
		},
		"EchoN": {
			reason: "unless it is told not to",
			script: "echo -n 'one' > $(results.a.path)",
			want:   map[string]string{"a": "one"},
		},
		"Printf": {
			reason: "printf does not",
			script: "printf '%s' '100%' > $(results.a.path)",
			want:   map[string]string{"a": "100%"},
		},
		"Format": {
			reason: "a format is not what is printed",
			script: "printf '%d' > $(results.a.path)",
		},
		"Shell": {
			reason: "what the shell changes is not known",
			script: "echo \"$HOME\" > $(results.a.path)\ncat > $(results.b.path) <<E\n$X\nE",
		},
		"Appended": {
			reason: "nor is what is added to",
			script: "echo 'a' >> $(results.a.path)",
		},
		"Variable": {
			reason: "nor what a param makes different",
			script: "echo 'a $(params.x)' > $(results.a.path)",
		},
		"Conditional": {
			reason: "a part of a longer command is not looked at",
			script: "test -f x && echo 'a' > $(results.a.path)",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, newPatterns().written(tc.script), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n%s", tc.reason, diff)
			}
		})
	}
}

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
		"Here":        {"a document is the result, with its line feeds", "cat > $(results.a.path) <<'E'\none\ntwo\nE\ntrue", map[string]string{"a": "one\ntwo\n"}},
		"HereAfter":   {"in either order", "cat <<'E' > \"$(results.a.path)\"\none\nE", map[string]string{"a": "one\n"}},
		"OfStep":      {"a step's result, too", "cat > $(step.results.a.path) <<'E'\none\nE", map[string]string{"a": "one\n"}},
		"Echo":        {"echo ends the line", "echo 'one two' > $(results.a.path)", map[string]string{"a": "one two\n"}},
		"EchoN":       {"unless it is told not to", "echo -n 'one' > $(results.a.path)", map[string]string{"a": "one"}},
		"Printf":      {"printf does not", "printf '%s' '100%' > $(results.a.path)", map[string]string{"a": "100%"}},
		"Format":      {"a format is not what is printed", "printf '%d' > $(results.a.path)", nil},
		"Shell":       {"what the shell changes is not known", "echo \"$HOME\" > $(results.a.path)\ncat > $(results.b.path) <<E\n$X\nE", nil},
		"Appended":    {"nor is what is added to", "echo 'a' >> $(results.a.path)", nil},
		"Variable":    {"nor what a param makes different", "echo 'a $(params.x)' > $(results.a.path)", nil},
		"Conditional": {"a part of a longer command is not looked at", "test -f x && echo 'a' > $(results.a.path)", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, newPatterns().written(tc.script), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s\n%s", tc.reason, diff)
			}
		})
	}
}

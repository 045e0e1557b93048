package cli

import (
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/docgen"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
)

func TestEveryCommandCanBeLearned(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			if !child.Hidden {
				visit(child)
			}
		}
		if c.HasParent() && c.Parent().HasParent() && c.Parent().Name() == "completion" {
			return // a command of cobra
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") || c.Short[0] < 'A' || c.Short[0] > 'Z' {
			t.Errorf("%s: the short text is a line without a full stop: %q", c.CommandPath(), c.Short)
		}
		if c.Runnable() && !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			if line != "" && !strings.HasPrefix(line, "  ") {
				t.Errorf("%s: a line of the example is not indented: %q", c.CommandPath(), line)
			}
		}
	}
	visit(NewCommand(terminal.Plain(nil, nil, nil)))
}

func TestPagesAreCurrent(t *testing.T) {
	pages := docgen.Pages(NewCommand(terminal.Plain(nil, nil, nil)))
	files, err := filepath.Glob("../../docs/cli/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, file := range files {
		there = append(there, filepath.Base(file))
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pages[filepath.Base(file)], string(text)); diff != "" {
			t.Errorf("%s is not what the help says; run make generate (-help +page):\n%s", file, diff)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(pages)), there); diff != "" {
		t.Errorf("each command has a page; run make generate (-commands +pages):\n%s", diff)
	}
}

func TestMainSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		args   []string
		want   string
	}{
		"No such command": {
			reason: "The nearest is proposed.",
			args:   []string{"exlpain"},
			want:   "error: unknown command exlpain\nhint: did you mean sluice explain?\nhint: sluice --help lists the commands\n",
		},
		"No such flag": {
			reason: "The help of the command is named.",
			args:   []string{"results", "list", "--no"},
			want:   "error: unknown flag: --no\nhint: sluice results list --help\n",
		},
		"No argument": {
			reason: "Likewise.",
			args:   []string{"logs"},
			want:   "error: accepts 1 arg(s), received 0\nhint: sluice logs --help\n",
		},
		"Both": {
			reason: "Likewise.",
			args:   []string{"logs", "x", "-f", "--failed"},
			want: "error: if any flags in the group [follow failed] are set none of the others can be; [failed " +
				"follow] were all set\nhint: sluice logs --help\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			code := Main(t.Context(), terminal.Plain(nil, &out, &errOut), tc.args)
			if code != clierror.Unusable {
				t.Errorf("%s exit status %d, want %d", tc.reason, code, clierror.Unusable)
			}
			if diff := cmp.Diff(tc.want, errOut.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if out.Len() > 0 {
				t.Errorf("%s what went wrong is not what was asked for: %q", tc.reason, out.String())
			}
		})
	}
}

// TestClientsHaveNoLog: without a log, the clients of controller-runtime print a stack after 30 seconds. Only the first log that is
// set gets the lines, so this one gets none.
func TestClientsHaveNoLog(t *testing.T) {
	if code := Main(t.Context(), terminal.Plain(nil, io.Discard, io.Discard), []string{"--help"}); code != clierror.Success {
		t.Fatalf("want success, got %d", code)
	}
	var lines []string
	log.SetLogger(funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{}))
	log.Log.Info("a line")
	if len(lines) > 0 {
		t.Errorf("want the log of clients to be set already, and to go nowhere, got %q", lines)
	}
}

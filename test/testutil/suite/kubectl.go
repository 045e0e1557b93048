package suite

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Kubectl runs kubectl in the namespace and returns its output. The environment variable KUBECTL names the program (default:
// kubectl on PATH).
func (n *Namespace) Kubectl(ctx context.Context, args ...string) (string, error) {
	program := cmp.Or(os.Getenv("KUBECTL"), "kubectl")
	out, err := exec.CommandContext(ctx, program, append([]string{"--namespace", n.Name}, args...)...).CombinedOutput()
	return string(out), err
}

// MustKubectl fails the test unless kubectl succeeds.
func (n *Namespace) MustKubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := n.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

//go:build e2e

package local

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience bounds the time of the whole test, which takes less than a minute on two cores.
const patience = 10 * time.Minute

// root is the project's folder, relative to this one.
const root = "../../.."

// command runs a program of bin/ and returns its output.
func command(ctx context.Context, t *testing.T, environment []string, name string, args ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	c := exec.CommandContext(ctx, path, args...)
	c.Dir, c.Stdout, c.Stderr, c.Env = root, &out, &errOut, append(os.Environ(), environment...)
	c.WaitDelay = time.Second
	if err := c.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, errOut.String(), out.String())
	}
	return out.String()
}

// port returns a port without a listener.
func port(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRunLocal: one command starts a cluster and produces results, the next one fetches them whole, and nothing of the
// cluster is left after it was taken down.
func TestRunLocal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "cluster")
	t.Cleanup(func() {
		command(context.Background(), t, nil, "localkube", "down", "--dir", dir)
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("the folder of the cluster still exists: %v", err)
		}
	})
	// The test must not use a cluster that the environment names.
	alone := []string{"KUBECONFIG=" + filepath.Join(t.TempDir(), "none"), "NO_COLOR=1"}
	command(ctx, t, alone, "sluice", "run", "-f", "examples/sbom-pipeline", "--local", "--local-dir", dir, "--local-port", port(t))

	there := []string{"KUBECONFIG=" + filepath.Join(dir, "kubeconfig"), "NO_COLOR=1"}
	runs := strings.Fields(command(ctx, t, there, "kubectl", "get", "pipelineruns", "-o", "name"))
	if len(runs) != 1 {
		t.Fatalf("want one PipelineRun, got %q", runs)
	}
	task := strings.TrimSpace(command(ctx, t, there, "kubectl", "get", "taskruns", "-o", "name",
		"-l", "tekton.dev/pipelineTask=make"))
	task = strings.TrimPrefix(task, "taskrun.tekton.dev/")
	sbom := command(ctx, t, there, "sluice", "results", "get", task, "sbom")
	sum := sha256.Sum256([]byte(sbom))
	listed := command(ctx, t, there, "sluice", "results", "list", task, "-o", "json")
	for what, part := range map[string]string{"digest": hex.EncodeToString(sum[:]), "size": strconv.Itoa(len(sbom))} {
		if !strings.Contains(listed, part) {
			t.Errorf("the list does not have the %s of what get wrote, %s: %s", what, part, listed)
		}
	}
	if len(sbom) < 100_000 {
		t.Errorf("want a result that is too large for a termination message, got %d bytes", len(sbom))
	}
}

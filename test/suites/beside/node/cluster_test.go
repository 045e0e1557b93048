//go:build e2e

package node

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/standin"
)

// run runs the command sluice, prints what it printed into the test's log, and returns it with the exit status.
func run(ctx context.Context, t *testing.T, args ...string) (string, clierror.Code) {
	t.Helper()
	var out bytes.Buffer
	code := cli.Main(ctx, terminal.Plain(strings.NewReader(""), &out, &out), args)
	t.Logf("$ sluice %s\n%s", strings.Join(args, " "), out.String())
	return out.String(), code
}

// must is run for a command that succeeds.
func must(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	out, code := run(ctx, t, args...)
	if code != clierror.Success {
		t.Fatalf("sluice %s ended with %d", strings.Join(args, " "), code)
	}
	return out
}

func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("the environment variable %s is not set; make test-beside sets it", name)
	}
	return value
}

// installTekton makes the cluster one with Tekton, as far as a client can see, and waits until it is complete.
func installTekton(ctx context.Context, t *testing.T, c *kube.Cluster) {
	t.Helper()
	list, err := standin.Installation(map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"})
	if err != nil {
		t.Fatal(err)
	}
	kubectl(ctx, t, list, "apply", "--server-side", "-f", "-")
	kubectl(ctx, t, nil, "rollout", "status", "deployment/tekton-pipelines-controller", "-n", standin.Namespace, "--timeout=120s")
	if err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		return c.Client.List(ctx, &v1.PipelineRunList{}) == nil && c.Client.List(ctx, &v1.TaskRunList{}) == nil, nil
	}); err != nil {
		t.Fatal(err)
	}
}

// uninstallTekton deletes what installTekton has applied.
func uninstallTekton(ctx context.Context, t *testing.T) {
	t.Helper()
	list, err := standin.Installation(nil)
	if err != nil {
		t.Fatal(err)
	}
	kubectl(ctx, t, list, "delete", "--timeout=120s", "-f", "-")
}

func kubectl(ctx context.Context, t *testing.T, stdin []byte, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, setting(t, "KUBECTL"), args...)
	cmd.Stdin = bytes.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// startOther runs the other engine until the test ends: this project's controller, which acts on the runs without managedBy or
// with tekton.dev/pipeline.
func startOther(ctx context.Context, t *testing.T) {
	t.Helper()
	program := os.Getenv("CONTROLLER")
	if program == "" {
		program = filepath.Join(t.TempDir(), "controller")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/controller")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("cannot build controller: %v\n%s", err, out)
		}
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "other.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program,
		"--namespace="+standin.Namespace, "--inpod-image="+setting(t, "INPOD_IMAGE"), "--webhook-port=0",
		"--metrics-bind-address=0", "--health-probe-bind-address="+unusedAddress(t), "--registry-mirror=*=http://"+setting(t, "REGISTRY"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		_ = log.Close()
		if !t.Failed() {
			return
		}
		if text, err := os.ReadFile(log.Name()); err == nil {
			t.Logf("the log of the other engine ends so:\n%s", text[max(0, len(text)-6000):])
		}
	})
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// everything lists the objects of all kinds that can be listed, in all namespaces: kind, namespace, name and generation. Events come
// and go without Sluice.
func everything(ctx context.Context, t *testing.T, c *kube.Cluster) []string {
	t.Helper()
	all, err := objects(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func objects(ctx context.Context, c *kube.Cluster) ([]string, error) {
	groups, err := discovery.ServerPreferredResources(c.Kube.Discovery())
	if err != nil {
		return nil, err
	}
	var all []string
	for _, group := range groups {
		gv, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			return nil, err
		}
		for i := range group.APIResources {
			kind := &group.APIResources[i]
			if !slices.Contains(kind.Verbs, "list") || kind.Kind == "Event" || kind.Kind == "ComponentStatus" {
				continue
			}
			list := &metav1.PartialObjectMetadataList{}
			list.SetGroupVersionKind(gv.WithKind(kind.Kind + "List"))
			if err := c.Client.List(ctx, list); err != nil {
				return nil, fmt.Errorf("cannot list %s of %s: %w", kind.Kind, gv, err)
			}
			for j := range list.Items {
				o := &list.Items[j]
				all = append(all, fmt.Sprintf("%s.%s %s/%s %d", kind.Kind, gv.Group, o.Namespace, o.Name, o.Generation))
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

// withoutTekton leaves out what installTekton applies, if an earlier test has left it.
func withoutTekton(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(one string) bool {
		return strings.Contains(one, standin.Namespace) || strings.Contains(one, "tekton.dev")
	})
}

// wantAsBefore waits until the cluster has the objects that it had before. Garbage collection takes a moment.
func wantAsBefore(ctx context.Context, t *testing.T, c *kube.Cluster, before []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var after []string
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		var err error
		if after, err = objects(ctx, c); err != nil {
			return false, nil //nolint:nilerr // kinds that are being deleted cannot be listed for a moment
		}
		return slices.Equal(before, after), nil
	})
	if err != nil {
		t.Errorf("the cluster is not as before (-before +after): %v\n%s", err, cmp.Diff(before, after))
	}
}

//go:build integration

package takeover

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	sluice "github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/convert/review"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

const (
	// root is the folder of the project.
	root = "../../.."
	// patience bounds the time until the API server uses a new kind.
	patience = time.Minute
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// connect returns a client of the cluster of the current kubeconfig, which must not have Tekton's kinds yet.
func connect(t *testing.T) client.Client {
	t.Helper()
	c, err := client.New(config(t), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// config returns the configuration of the current kubeconfig.
func config(t *testing.T) *rest.Config {
	t.Helper()
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("cannot load kubeconfig: %v; make test-integration starts an API server", err)
	}
	c.QPS, c.Burst = 200, 400 // a client-side limit must not slow down polling
	return c
}

// tektonsKinds returns the CRDs of Tekton: those in the folder TEKTON_CRDS, or else those with the same fields.
func tektonsKinds(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	folder := os.Getenv("TEKTON_CRDS")
	if folder == "" {
		all, err := tektoncrds.AllVersions()
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("cannot find CRDs in TEKTON_CRDS=%s: %v", folder, err)
	}
	var all []*unstructured.Unstructured
	for _, file := range files {
		all = append(all, read(t, file)...)
	}
	return all
}

// read reads the objects of a file.
func read(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+string(text), "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
	return all
}

// serveConversion serves a webhook that converts in place of Tekton's, and makes the CRDs name it.
func serveConversion(t *testing.T, crds []*unstructured.Unstructured) {
	t.Helper()
	server := httptest.NewTLSServer(review.Handler{})
	t.Cleanup(server.Close)
	for _, crd := range crds {
		if strategy, _, _ := unstructured.NestedString(crd.Object, "spec", "conversion", "strategy"); strategy != "Webhook" {
			continue
		}
		if err := unstructured.SetNestedMap(crd.Object, map[string]any{
			"conversionReviewVersions": []any{"v1"},
			"clientConfig":             map[string]any{"url": server.URL + review.Path, "caBundle": authority(server)},
		}, "spec", "conversion", "webhook"); err != nil {
			t.Fatal(err)
		}
	}
}

// authority returns the certificate of a server, as a field of JSON.
func authority(server *httptest.Server) string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// storage makes each CRD store the first of its versions, or the last one.
func storage(t *testing.T, crds []*unstructured.Unstructured, first bool) {
	t.Helper()
	for _, crd := range crds {
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		if err != nil {
			t.Fatal(err)
		}
		for i, version := range versions {
			stores := i == len(versions)-1
			if first {
				stores = i == 0
			}
			version.(map[string]any)["storage"] = stores
		}
		if err := unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"); err != nil {
			t.Fatal(err)
		}
	}
}

// apply applies objects with kubectl. The environment variable KUBECTL names the program (default: kubectl on PATH).
func apply(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	items := make([]any, len(objects))
	for i, o := range objects {
		items[i] = o.Object
	}
	list, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), cmp.Or(os.Getenv("KUBECTL"), "kubectl"), "apply", "--server-side", "--force-conflicts", "-f", "-")
	cmd.Stdin = bytes.NewReader(list)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("kubectl apply: %v\n%s", err, out)
	}
}

// create creates objects with their statuses. A kind is served shortly after its CRD was applied.
func create(t *testing.T, c client.Client, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, o := range objects {
		made := o.DeepCopy()
		eventually(t, func(ctx context.Context) error { return c.Create(ctx, made) })
		status, ok := o.Object["status"]
		if !ok {
			continue
		}
		eventually(t, func(ctx context.Context) error {
			if err := c.Get(ctx, client.ObjectKeyFromObject(made), made); err != nil {
				return err
			}
			made.Object["status"] = status
			return c.Status().Update(ctx, made)
		})
	}
}

// eventually calls check until it returns nil. If it does not, the test fails with its last error.
func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	last := errors.New("never checked")
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("condition not met after %v: %v", patience, last)
	}
}

// execute runs the command sluice, and returns what it printed to standard output.
func execute(t *testing.T, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	if code := sluice.Main(t.Context(), terminal.Plain(nil, &out, &errOut), args); code != clierror.Success {
		t.Fatalf("sluice %s: exit status %d\n%s%s", strings.Join(args, " "), code, out.String(), errOut.String())
	}
	return out.String()
}

// storedVersions returns the versions in which objects may be stored, by the names of the CRDs.
func storedVersions(t *testing.T, c client.Client, crds []*unstructured.Unstructured) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, crd := range crds {
		now := crd.DeepCopy()
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(crd), now); err != nil {
			t.Fatal(err)
		}
		stored, _, err := unstructured.NestedStringSlice(now.Object, "status", "storedVersions")
		if err != nil {
			t.Fatal(err)
		}
		all[crd.GetName()] = strings.Join(stored, " ")
	}
	return all
}

// contents reads objects in their versions, and returns what a user wrote and the statuses.
func contents(t *testing.T, c client.Client, objects []*unstructured.Unstructured) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, o := range objects {
		now := o.DeepCopy()
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), now); err != nil {
			t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
		}
		all[o.GetKind()+" "+o.GetName()] = map[string]any{"spec": now.Object["spec"], "status": now.Object["status"], "uid": string(now.GetUID())}
	}
	return all
}

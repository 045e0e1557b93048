//go:build integration

package integration

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

const (
	// root is the folder in which the documented commands run.
	root = "../../.."
	// installation is the namespace of the controller and its ConfigMaps.
	installation = "tekton-pipelines"
	// patience bounds the time until the API server uses a new kind, policy or role.
	patience = time.Minute
	// period is the time between two checks of a condition.
	period = 50 * time.Millisecond
)

// server is the API server that all tests share.
type server struct {
	client client.Client
	config *rest.Config
}

// shared is set once, before the first test.
var shared server

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard()) // the webhooks' log is not part of the tests
	if err := setUp(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		fmt.Fprintln(os.Stderr, "hint: these tests need an API server; make test-integration starts one")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// setUp connects to the cluster of the current kubeconfig, and applies everything except a running controller.
func setUp() error {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 200, 400
	if err := errors.Join(v1.AddToScheme(scheme.Scheme), v1alpha1.AddToScheme(scheme.Scheme), v1beta1.AddToScheme(scheme.Scheme),
		resolutionv1beta1.AddToScheme(scheme.Scheme)); err != nil {
		return fmt.Errorf("cannot build scheme: %w", err)
	}
	manifests, err := everything()
	if err != nil {
		return err
	}
	if _, _, err := kubectl(context.Background(), manifests, "apply", "--server-side", "--force-conflicts", "-f", "-"); err != nil {
		return err
	}
	// A new CRD has no conditions at first. kubectl reports that as an error instead of waiting.
	if err := wait.PollUntilContextTimeout(context.Background(), 200*time.Millisecond, patience, true,
		func(ctx context.Context) (bool, error) {
			_, _, err := kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=60s", "crd",
				"tasks.tekton.dev", "taskruns.tekton.dev", "pipelines.tekton.dev", "pipelineruns.tekton.dev", "customruns.tekton.dev",
				resolutionv1beta1.CRDName)
			return err == nil, nil
		}); err != nil {
		return fmt.Errorf("the API server does not serve the kinds: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return fmt.Errorf("cannot make client: %w", err)
	}
	shared = server{client: c, config: config}
	return nil
}

// everything returns config/default with no replica of its programs, whose images have no names before ko sets them. It omits
// the webhooks, which would have no server: TestAdmission has its own.
func everything() (string, error) {
	manifests, _, err := kubectl(context.Background(), "", "kustomize", "config/default")
	if err != nil {
		return "", err
	}
	const one, none = "replicas: 1\n", "replicas: 0\n"
	if n := strings.Count(manifests, one); n != 2 {
		return "", fmt.Errorf("config/default has %d times %q, want it twice, in the Deployments of the controller and the resolvers", n, one)
	}
	var kept []string
	for object := range strings.SplitSeq(strings.ReplaceAll(manifests, one, none), "\n---\n") {
		if !strings.Contains(object, "WebhookConfiguration\n") {
			kept = append(kept, object)
		}
	}
	return strings.Join(kept, "\n---\n"), nil
}

// kubectl runs kubectl in the root folder of the project. The environment variable KUBECTL names the program (default:
// kubectl on PATH).
func kubectl(ctx context.Context, stdin string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("KUBECTL"), "kubectl"), args...)
	cmd.Dir = root
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), errOut.String(), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), errOut.String(), nil
}

// mustKubectl runs kubectl and returns its output. It fails the test if kubectl fails.
func mustKubectl(t *testing.T, args ...string) string {
	t.Helper()
	stdout, _, err := kubectl(t.Context(), "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return stdout
}

// newNamespace creates a namespace for one test and returns its name.
func newNamespace(t *testing.T) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "sluice-integration-"}}
	if err := shared.client.Create(t.Context(), namespace); err != nil {
		t.Fatalf("cannot create namespace: %v", err)
	}
	t.Cleanup(func() {
		// There is no namespace controller here that deletes objects, and the controllers of other tests would process a
		// remaining run.
		ctx, in := context.Background(), client.InNamespace(namespace.Name)
		err := errors.Join(
			shared.client.DeleteAllOf(ctx, &v1.PipelineRun{}, in),
			shared.client.DeleteAllOf(ctx, &v1.TaskRun{}, in),
			shared.client.DeleteAllOf(ctx, &v1beta1.CustomRun{}, in),
			shared.client.Delete(ctx, namespace))
		if err != nil {
			t.Errorf("cannot delete namespace %q with its runs: %v", namespace.Name, err)
		}
	})
	return namespace.Name
}

// eventually calls check until it returns nil. If it does not, the test fails with its last error.
func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	last := errors.New("never checked")
	err := wait.PollUntilContextTimeout(t.Context(), period, patience, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("condition not met after %v: %v", patience, last)
	}
}

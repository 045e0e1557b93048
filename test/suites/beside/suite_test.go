//go:build integration

package beside

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/test/testutil/standin"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

const (
	// root is the folder of the project.
	root = "../../.."
	// ofSluice and ofTekton are the namespaces of the two controllers.
	ofSluice = "sluice-system"
	ofTekton = "tekton-pipelines"
	// sluiceUser and tektonUser are the users as which the two controllers write. The audit log has them.
	sluiceUser = "system:serviceaccount:" + ofSluice + ":sluice-controller"
	tektonUser = "system:serviceaccount:" + ofTekton + ":tekton-pipelines-controller"
	// webhookName is the name of the webhook's configuration.
	webhookName = "sluice-managed-by"
	// namespacePrefix begins the names of the namespaces with runs.
	namespacePrefix = "beside-"
	// patience bounds each wait.
	patience = time.Minute
)

// cluster is the API server of all tests, and what runs beside it.
type cluster struct {
	client client.Client
	config *rest.Config
	strict *standin.Webhook
	engine *standin.Engine
	sluice *controller
	marker *marker
}

// shared is set once, before the first test.
var shared cluster

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	os.Exit(run(m))
}

// run starts everything, runs the tests, and stops everything.
func run(m *testing.M) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop, err := setUp(ctx)
	defer stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		fmt.Fprintln(os.Stderr, "hint: these tests need an API server with an audit log; make test-integration starts one, and so does "+
			"hack/with-localkube.sh --api-only --audit-log hack/test-cluster.sh beside")
		return 1
	}
	return m.Run()
}

// setUp makes the API server one with Tekton, as far as another controller can see, and starts Sluice beside it. The returned
// function stops what was started, also after an error.
func setUp(ctx context.Context) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, end := range slices.Backward(stops) {
			end()
		}
	}
	if err := connect(); err != nil {
		return stop, err
	}
	log, err := openAuditLog(os.Getenv("LOCALKUBE_DIR"))
	if err != nil {
		return stop, err
	}
	if err := log.Close(); err != nil {
		return stop, err
	}
	if err := installTekton(ctx); err != nil {
		return stop, err
	}
	shared.strict = standin.NewWebhook()
	stops = append(stops, shared.strict.Close)
	if err := replace(ctx, shared.strict.Configuration()); err != nil {
		return stop, err
	}
	acting, cancel := context.WithCancel(ctx)
	ended, err := startEngine(acting)
	if err != nil {
		cancel()
		return stop, err
	}
	stops = append(stops, func() { cancel(); <-ended })
	if err := installSluice(ctx); err != nil {
		return stop, err
	}
	shared.sluice, err = startController(ctx)
	if err != nil {
		return stop, err
	}
	stops = append(stops, shared.sluice.stop)
	shared.marker, err = startMarker(ctx, shared.sluice.webhook)
	if err != nil {
		return stop, err
	}
	stops = append(stops, shared.marker.close)
	return stop, shared.sluice.ready(ctx)
}

func connect() error {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 200, 400
	config.WarningHandler = rest.NoWarnings{}
	if err := errors.Join(v1.AddToScheme(scheme.Scheme), v1beta1.AddToScheme(scheme.Scheme)); err != nil {
		return fmt.Errorf("cannot build scheme: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return fmt.Errorf("cannot make client: %w", err)
	}
	shared.client, shared.config = c, config
	return nil
}

// installTekton applies Tekton's kinds, its namespace and its settings, and gives its controller every right.
func installTekton(ctx context.Context) error {
	crds, err := tektoncrds.CRDs()
	if err != nil {
		return err
	}
	objects := make([]any, 0, len(crds)+3)
	names := []string{"wait", "--for=condition=Established", "--timeout=60s", "crd"}
	for _, crd := range crds {
		objects, names = append(objects, crd.Object), append(names, crd.GetName())
	}
	user := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: tektonUser}
	objects = append(objects,
		&corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: ofTekton}},
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: ofTekton, Name: "feature-flags"},
			Data:       map[string]string{"coschedule": "workspaces"},
		},
		&rbacv1.ClusterRoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: "stand-in-engine"},
			Subjects:   []rbacv1.Subject{user},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		},
	)
	list, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": objects})
	if err != nil {
		return err
	}
	if _, err := kubectl(ctx, string(list), "apply", "--server-side", "--force-conflicts", "-f", "-"); err != nil {
		return err
	}
	// A new CRD has no conditions at first. kubectl reports that as an error instead of waiting.
	if err := poll(ctx, func(ctx context.Context) error { _, err := kubectl(ctx, "", names...); return err }); err != nil {
		return err
	}
	// The controller reads the fields of the kinds when it starts. The API server publishes them shortly after the kinds.
	return poll(ctx, func(ctx context.Context) error {
		paths, err := kubectl(ctx, "", "get", "--raw", "/openapi/v3")
		if err == nil && !strings.Contains(paths, `"apis/tekton.dev/v1"`) {
			err = errors.New("the API server does not publish the fields of tekton.dev/v1")
		}
		return err
	})
}

// startEngine runs the stand-in for Tekton's controller until ctx ends. The channel is closed when it has ended.
func startEngine(ctx context.Context) (<-chan struct{}, error) {
	config := rest.CopyConfig(shared.config)
	config.Impersonate = rest.ImpersonationConfig{UserName: tektonUser, Groups: []string{"system:authenticated"}}
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	shared.engine = &standin.Engine{
		Client: c, Pods: true,
		Results: declared,
		Hold:    func(tr *v1.TaskRun) bool { return tr.Annotations[holdAnnotation] != "" },
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := shared.engine.Run(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "error: the stand-in engine ended:", err)
		}
	}()
	return ended, nil
}

// ofTheStandIn is the value of every result of the stand-in engine.
const ofTheStandIn = "by the stand-in"

// declared returns a value for each result that a TaskRun declares.
func declared(tr *v1.TaskRun) []v1.TaskRunResult {
	if tr.Spec.TaskSpec == nil {
		return nil
	}
	var results []v1.TaskRunResult
	for _, r := range tr.Spec.TaskSpec.Results {
		results = append(results, v1.TaskRunResult{Name: r.Name, Type: v1.TypeString, Value: v1.StringValue(ofTheStandIn)})
	}
	return results
}

// installSluice applies config/coexist without a replica, whose image has no name before ko sets it. The webhook fails open,
// because its Service has no endpoints here; marker stands in for it.
func installSluice(ctx context.Context) error {
	manifests, err := kubectl(ctx, "", "kustomize", "config/coexist")
	if err != nil {
		return err
	}
	const one, none = "replicas: 1\n", "replicas: 0\n"
	if n := strings.Count(manifests, one); n != 1 {
		return fmt.Errorf("config/coexist has %d times %q, want it once, in the controller's Deployment", n, one)
	}
	manifests = strings.Replace(manifests, one, none, 1)
	_, err = kubectl(ctx, manifests, "apply", "--server-side", "--force-conflicts", "-f", "-")
	return err
}

// replace creates an object, instead of one that earlier tests have left.
func replace(ctx context.Context, o client.Object) error {
	if err := client.IgnoreNotFound(shared.client.Delete(ctx, o.DeepCopyObject().(client.Object))); err != nil {
		return err
	}
	return shared.client.Create(ctx, o)
}

// kubectl runs kubectl in the root folder of the project. The environment variable KUBECTL names the program (default:
// kubectl on PATH).
func kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, cmp.Or(os.Getenv("KUBECTL"), "kubectl"), args...)
	cmd.Dir = root
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return out.String(), nil
}

// poll calls check until it returns nil, and otherwise returns its last error.
func poll(ctx context.Context, check func(context.Context) error) error {
	last := errors.New("never checked")
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("condition not met after %v: %w", patience, last)
	}
	return nil
}

func eventually(t *testing.T, check func(context.Context) error) {
	t.Helper()
	if err := poll(t.Context(), check); err != nil {
		t.Fatal(err)
	}
}

// newNamespace creates a namespace, with the label if it is for Sluice, and returns its name.
func newNamespace(t *testing.T, labeled bool) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: namespacePrefix, Labels: map[string]string{}}}
	if labeled {
		n.Labels[v1.LabelEngine] = v1.EngineSluice
	}
	if err := shared.client.Create(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, in := context.Background(), client.InNamespace(n.Name)
		// No namespace controller runs here, so the namespace stays. Without the label it is none of Sluice.
		unlabel := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"`+v1.LabelEngine+`":null}}}`))
		err := errors.Join(shared.client.Patch(ctx, n, unlabel),
			shared.client.DeleteAllOf(ctx, &v1.PipelineRun{}, in), shared.client.DeleteAllOf(ctx, &v1.TaskRun{}, in),
			shared.client.DeleteAllOf(ctx, &v1beta1.CustomRun{}, in), shared.client.DeleteAllOf(ctx, &corev1.Pod{}, in),
			client.IgnoreNotFound(shared.client.Delete(ctx, n)))
		if err != nil && !apierrors.IsConflict(err) {
			t.Errorf("cannot delete namespace %q with its objects: %v", n.Name, err)
		}
	})
	return n.Name
}

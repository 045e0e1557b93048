//go:build e2e

package e2e

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

const (
	// installation is the namespace that the controller and its ConfigMaps live in.
	installation = "tekton-pipelines"
	// stepImage is what every step of these tests runs in.
	stepImage = "docker.io/library/busybox:1"
	// patience is how long a test waits for one run. A run takes seconds; a machine may be busy.
	patience = 90 * time.Second
	// promptness is how long a test waits for what follows from a change at once.
	promptness = 20 * time.Second
	// suiteLabel marks the namespaces of these tests.
	suiteLabel = "sluice-e2e"
)

// parallel is how many runs are under way at once: runs wait for the kubelet more than they use a processor.
const parallel = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetLogger(logr.Discard()) // the client's warnings are looked at with kubectl
	if !given("test.parallel") {
		if err := flag.Set("test.parallel", parallel); err != nil {
			fail(err)
		}
	}
	os.Exit(suite(m))
}

func given(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// suite runs the tests between a check that the cluster can run them and setting the flags back.
func suite(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := connect()
	if err != nil {
		fail(err)
	}
	if err := c.ready(ctx); err != nil {
		fail(err)
	}
	flags, err := c.readFlags(ctx)
	if err != nil {
		fail(err)
	}
	before := maps.Clone(flags.Data)

	code := m.Run()

	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.restoreFlags(ctx, before); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		code = 1
	}
	if os.Getenv("SLUICE_E2E_KEEP") == "" {
		if err := c.deleteNamespaces(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			code = 1
		}
	}
	return code
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "error:", err)
	fmt.Fprintln(os.Stderr, "hint: these tests need a cluster with Sluice on it; make test-e2e starts one")
	os.Exit(1)
}

// cluster is a connection to the cluster under test.
type cluster struct {
	client client.WithWatch
	kube   kubernetes.Interface
	config *rest.Config
}

// connect uses the current kubeconfig, as kubectl does.
func connect() (*cluster, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 200, 400 // polling must not be what a test waits for
	config.WarningHandler = rest.NoWarnings{}
	if err := v1.AddToScheme(scheme.Scheme); err != nil {
		return nil, err
	}
	withWatch, err := client.NewWithWatch(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	return &cluster{client: withWatch, kube: kube, config: config}, nil
}

// ready waits until the API is served and the controller's Deployment is available.
func (c *cluster) ready(ctx context.Context) error {
	if err := c.client.List(ctx, &v1.TaskRunList{}, client.InNamespace(installation)); err != nil {
		return fmt.Errorf("cannot list TaskRuns; is Sluice deployed? %w", err)
	}
	var deployments appsv1.DeploymentList
	return poll(ctx, func(ctx context.Context) (bool, error) {
		if err := c.client.List(ctx, &deployments, client.InNamespace(installation)); err != nil {
			return false, fmt.Errorf("cannot list Deployments in %q: %w", installation, err)
		}
		for i := range deployments.Items {
			if !available(&deployments.Items[i]) {
				return false, nil
			}
		}
		return len(deployments.Items) > 0, nil
	})
}

func available(d *appsv1.Deployment) bool {
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentAvailable {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func (c *cluster) deleteNamespaces(ctx context.Context) error {
	list, err := c.kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: suiteLabel})
	if err != nil {
		return fmt.Errorf("cannot list namespaces: %w", err)
	}
	for _, namespace := range list.Items {
		if err := c.kube.CoreV1().Namespaces().Delete(ctx, namespace.Name, metav1.DeleteOptions{}); err != nil {
			return fmt.Errorf("cannot delete namespace %q: %w", namespace.Name, err)
		}
	}
	return nil
}

// poll asks until the answer is yes, an error or the end of ctx.
func poll(ctx context.Context, done func(context.Context) (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("what was waited for did not come: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Package kube holds what the programs and tests under test share to work with a cluster that runs Sluice: connecting,
// waiting, setting the feature flags, and parts of runs.
package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
)

const (
	// Installation is the namespace of the controller and its ConfigMaps on a cluster without Tekton.
	Installation = "tekton-pipelines"
	// label marks the namespaces that this package created.
	label = "sluice-test"
	// besideEnv is the environment variable that is set on a cluster on which Sluice runs beside Tekton.
	besideEnv = "SLUICE_BESIDE"
)

// Cluster is a connection to the cluster under test.
type Cluster struct {
	// Client reads and writes tekton.dev/v1, CustomRuns, and Kubernetes' own kinds, without a cache.
	Client client.WithWatch
	// Kube is for requests that Client does not support, such as logs.
	Kube kubernetes.Interface
	// Config is the configuration of both clients.
	Config *rest.Config
	// Controller is the namespace of the controller.
	Controller string

	// settings is the ConfigMap with the feature flags, in the namespace of the controller.
	settings string
	// labels are those of the namespaces whose runs are the controller's.
	labels map[string]string
}

// Connect connects to the cluster of the current kubeconfig, as kubectl does.
func Connect() (*Cluster, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 200, 400 // a client-side limit must not slow down polling
	config.WarningHandler = rest.NoWarnings{}
	if err := errors.Join(v1.AddToScheme(scheme.Scheme), v1beta1.AddToScheme(scheme.Scheme)); err != nil {
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
	c := &Cluster{Client: withWatch, Kube: kube, Config: config, Controller: Installation, settings: FlagsMap}
	if os.Getenv(besideEnv) != "" {
		c.Controller, c.settings, c.labels = "sluice-system", "sluice-settings", map[string]string{v1.LabelEngine: v1.EngineSluice}
	}
	return c, nil
}

// Ready waits until the API is served and the controller's Deployment is available.
func (c *Cluster) Ready(ctx context.Context) error {
	if err := c.Client.List(ctx, &v1.TaskRunList{}, client.InNamespace(c.Controller)); err != nil {
		return fmt.Errorf("cannot list TaskRuns; is Sluice deployed? %w", err)
	}
	var deployments appsv1.DeploymentList
	return Poll(ctx, func(ctx context.Context) (bool, error) {
		if err := c.Client.List(ctx, &deployments, client.InNamespace(c.Controller)); err != nil {
			return false, fmt.Errorf("cannot list Deployments in %q: %w", c.Controller, err)
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

// MakeNamespace creates a namespace in which pods can be created, with the given labels, and returns its name.
func (c *Cluster) MakeNamespace(ctx context.Context, labels map[string]string) (string, error) {
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: map[string]string{label: ""}}}
	maps.Copy(made.Labels, c.labels)
	maps.Copy(made.Labels, labels)
	if err := c.Client.Create(ctx, made); err != nil {
		return "", fmt.Errorf("cannot create namespace: %w", err)
	}
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := c.Kube.CoreV1().ServiceAccounts(made.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		return "", fmt.Errorf("namespace %q has no default service account: %w", made.Name, err)
	}
	return made.Name, nil
}

// DeleteNamespaces deletes the namespaces that MakeNamespace has created. It does not wait until they are gone.
func (c *Cluster) DeleteNamespaces(ctx context.Context) error {
	list, err := c.Kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return fmt.Errorf("cannot list namespaces: %w", err)
	}
	for _, namespace := range list.Items {
		if err := c.Kube.CoreV1().Namespaces().Delete(ctx, namespace.Name, metav1.DeleteOptions{}); err != nil {
			return fmt.Errorf("cannot delete namespace %q: %w", namespace.Name, err)
		}
	}
	return nil
}

// Poll calls the condition until it returns true or an error, or ctx ends.
func Poll(ctx context.Context, done func(context.Context) (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the condition was not met: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

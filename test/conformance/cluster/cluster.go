// Package cluster is the connection of the conformance runner to a cluster. It uses the API as any client does, without the
// types of this project: it sends a user's object unchanged, and the API server refuses what it does not know.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/test/conformance/runner"
	"github.com/sluice-ci/sluice/test/conformance/suite"
)

const (
	// label marks the namespaces of one run of this program.
	label = "sluice-conformance"
	// pause is the time between two polls of the cluster.
	pause = 250 * time.Millisecond
	// closing bounds the time for explaining a failure, and for requesting the deletion of a namespace.
	closing = 30 * time.Second
)

// Cluster is a connection to a cluster.
type Cluster struct {
	client client.Client
	kube   kubernetes.Interface
	place  Place
	// run is the value of label.
	run string
	// Keep does not delete namespaces.
	Keep bool
}

// Connect uses the current kubeconfig, as kubectl does. run identifies this run of the program; it is used as the value of a
// label.
func Connect(place Place, run string) (*Cluster, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cannot load kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 100, 200
	config.WarningHandler = rest.NoWarnings{}
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot make client: %w", err)
	}
	return New(c, kube, place, run), nil
}

// New returns a Cluster with the given clients. The API server refuses objects with unknown fields, as with kubectl.
func New(c client.Client, kube kubernetes.Interface, place Place, run string) *Cluster {
	return &Cluster{client: client.WithFieldValidation(c, metav1.FieldValidationStrict), kube: kube, place: place, run: run}
}

// Client returns the client of the cluster.
func (c *Cluster) Client() client.Client { return c.client }

// Open implements runner.Cluster. When it returns, pods can be created in the namespace.
func (c *Cluster) Open(ctx context.Context, name string) (runner.Namespace, error) {
	labels := maps.Clone(c.place.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[label] = c.run
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix(name), Labels: labels}}
	if err := c.client.Create(ctx, made); err != nil {
		return nil, fmt.Errorf("cannot create namespace: %w", err)
	}
	n := &Namespace{cluster: c, name: made.Name}
	account := &corev1.ServiceAccount{}
	err := poll(ctx, func() (bool, error) {
		err := c.client.Get(ctx, client.ObjectKey{Namespace: n.name, Name: "default"}, account)
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		n.Close(ctx, false)
		return nil, fmt.Errorf("namespace %q has no default service account: %w", n.name, err)
	}
	return n, nil
}

// prefix derives the beginning of a namespace's name from that of a file. Names of namespaces have at most 63 characters.
func prefix(name string) string {
	name = regexp.MustCompile(`\.ya?ml$`).ReplaceAllString(strings.ToLower(name), "")
	name = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(name, "-"), "-")
	const most = 40
	if len(name) > most {
		name = strings.Trim(name[len(name)-most:], "-") // names of files differ at the end
	}
	return "conformance-" + name + "-"
}

// AwaitGone waits until all namespaces of this run are deleted. It returns the names of those that still exist when ctx ends.
func (c *Cluster) AwaitGone(ctx context.Context) ([]string, error) {
	var left []string
	err := poll(ctx, func() (bool, error) {
		var list corev1.NamespaceList
		if err := c.client.List(ctx, &list, client.MatchingLabels{label: c.run}); err != nil {
			return false, fmt.Errorf("cannot list namespaces: %w", err)
		}
		left = nil
		for _, namespace := range list.Items {
			left = append(left, namespace.Name)
		}
		return len(left) == 0, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return left, nil
	}
	return left, err
}

// Namespace is the namespace of one case.
type Namespace struct {
	cluster *Cluster
	name    string
}

// Create implements runner.Namespace.
func (n *Namespace) Create(ctx context.Context, obj *unstructured.Unstructured) error {
	namespaced, err := n.cluster.client.IsObjectNamespaced(obj)
	switch {
	case meta.IsNoMatchError(err):
		return &runner.RefusalError{Message: fmt.Sprintf("the cluster does not know the kind %s of %s", obj.GetKind(), obj.GetAPIVersion())}
	case err != nil:
		return fmt.Errorf("cannot look up its kind: %w", err)
	case !namespaced:
		return fmt.Errorf("a %s belongs to the whole cluster and would not be deleted with the namespace", obj.GetKind())
	}
	obj.SetNamespace(n.name)
	err = n.cluster.client.Create(ctx, obj)
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsForbidden(err) {
		return &runner.RefusalError{Message: refusal(err)}
	}
	if err == nil && suite.IsRun(obj) {
		return n.cluster.place.wantOurs(obj)
	}
	return err
}

// refusal extracts the cause from an error of the API server, without the parts that name the object and the origin of the
// error.
func refusal(err error) string {
	text := err.Error()
	const decoding, invalid = "strict decoding error: ", " is invalid: "
	if i := strings.Index(text, decoding); i >= 0 {
		return text[i:]
	}
	if _, what, ok := strings.Cut(text, invalid); ok {
		return what
	}
	return text
}

// Await implements runner.Namespace.
func (n *Namespace) Await(ctx context.Context, run *unstructured.Unstructured) (suite.Condition, error) {
	var last suite.Condition
	err := poll(ctx, func() (bool, error) {
		if err := n.cluster.client.Get(ctx, client.ObjectKeyFromObject(run), run); err != nil {
			return false, err
		}
		last = condition(run)
		return last.Done(), nil
	})
	return last, err
}

// condition returns a run's Succeeded condition.
func condition(run *unstructured.Unstructured) suite.Condition {
	conditions, _, _ := unstructured.NestedSlice(run.Object, "status", "conditions")
	for _, one := range conditions {
		fields, ok := one.(map[string]any)
		if !ok || fields["type"] != "Succeeded" {
			continue
		}
		text := func(key string) string { s, _ := fields[key].(string); return s }
		return suite.Condition{Status: text("status"), Reason: text("reason"), Message: text("message")}
	}
	return suite.Condition{}
}

// Close implements runner.Namespace.
func (n *Namespace) Close(ctx context.Context, explain bool) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	var said string
	if explain {
		said = n.explain(ctx)
	}
	if n.cluster.Keep {
		return said + fmt.Sprintf("kept: namespace %s\n", n.name)
	}
	err := n.cluster.client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.name}})
	if client.IgnoreNotFound(err) != nil {
		said += fmt.Sprintf("cannot delete namespace %q: %v\n", n.name, err)
	}
	return said
}

// poll calls the condition until it returns true or an error, or ctx ends. A request that the end of ctx interrupts counts as
// the end of ctx.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		ok, err := done()
		switch {
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case ok || err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Package bootstrap creates the objects that Kubernetes does not create in a fresh cluster, and waits until a node can take
// pods.
package bootstrap

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/dns"
	"github.com/sluice-ci/sluice/localkube/internal/pki"
)

const (
	nodeTimeout  = 2 * time.Minute
	pollInterval = 50 * time.Millisecond
)

// nameServiceName is the name of the Service of the cluster's name server.
const nameServiceName = "kube-dns"

// storageClass is the name of the default storage class. Other small clusters use the same name.
const storageClass = "standard"

// Apply creates the first objects of a cluster. It does not change objects that exist. nameServer is the address that the
// cluster's name server listens on.
func Apply(ctx context.Context, kubeconfig string, nameServer netip.Addr) error {
	client, err := Connect(kubeconfig)
	if err != nil {
		return err
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, kubeletAccess(), metav1.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot let the API server use the kubelet: %w", err)
	}
	_, err = client.StorageV1().StorageClasses().Create(ctx, defaultStorage(), metav1.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot create the default storage class: %w", err)
	}
	// The API server allocates the address of a Service before it checks the name, so a second creation would be reported as
	// invalid.
	_, err = client.CoreV1().Services(metav1.NamespaceSystem).Get(ctx, nameServiceName, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		_, err = client.CoreV1().Services(metav1.NamespaceSystem).Create(ctx, nameService(), metav1.CreateOptions{})
	}
	if err != nil {
		return fmt.Errorf("cannot create the Service of the name server: %w", err)
	}
	_, err = client.DiscoveryV1().EndpointSlices(metav1.NamespaceSystem).Create(ctx, nameEndpoints(nameServer), metav1.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		return fmt.Errorf("cannot create the endpoint of the name server: %w", err)
	}
	return nil
}

// nameService is the Service that pods resolve names with. It has no selector, because its server is not a pod.
func nameService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: nameServiceName},
		Spec: corev1.ServiceSpec{
			ClusterIP: component.DNSIP,
			Ports: []corev1.ServicePort{
				{Name: "dns", Protocol: corev1.ProtocolUDP, Port: dns.Port},
				{Name: "dns-tcp", Protocol: corev1.ProtocolTCP, Port: dns.Port},
			},
		},
	}
}

func nameEndpoints(address netip.Addr) *discoveryv1.EndpointSlice {
	ports := make([]discoveryv1.EndpointPort, 0, 2)
	for _, one := range nameService().Spec.Ports {
		ports = append(ports, discoveryv1.EndpointPort{Name: &one.Name, Protocol: &one.Protocol, Port: &one.Port})
	}
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name:   nameServiceName + "-localkube",
			Labels: map[string]string{discoveryv1.LabelServiceName: nameServiceName},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address.String()}}},
		Ports:       ports,
	}
}

// kubeletAccess allows the API server to fetch logs, for example, from the kubelet. The kubelet asks the API server for this
// permission.
func kubeletAccess() *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "localkube:kubelet-api"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:kubelet-api-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: pki.KubeletClientUser}},
	}
}

// defaultStorage is the storage class of the controller manager's host path provisioner.
func defaultStorage() *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name:        storageClass,
			Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: "kubernetes.io/host-path",
	}
}

// AwaitNode waits until a pod that is created now can run: the node has reported after the given time that it is ready, it
// has no taint, and the default service account exists.
func AwaitNode(ctx context.Context, kubeconfig, name string, since time.Time) error {
	client, err := Connect(kubeconfig)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	for {
		missing, err := missing(ctx, client, name, since)
		if err == nil && missing == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot use node %q: %s: %w", name, missing, cmp.Or(err, ctx.Err()))
		case <-time.After(pollInterval):
		}
	}
}

func missing(ctx context.Context, client kubernetes.Interface, name string, since time.Time) (string, error) {
	node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "it did not register itself", err
	}
	if reason := NotReady(node); reason != "" {
		return reason, nil
	}
	if !heardOf(node, since) {
		return "it has not reported since its restart", nil
	}
	if _, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{}); err != nil {
		return "there is no default service account", err
	}
	return "", nil
}

// heardOf reports whether the kubelet reported after the given time. The API stores times in whole seconds.
func heardOf(node *corev1.Node, since time.Time) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return !condition.LastHeartbeatTime.Time.Before(since.Truncate(time.Second))
		}
	}
	return false
}

// NotReady returns the reason why the node cannot take pods, or "" if it can.
func NotReady(node *corev1.Node) string {
	for _, condition := range node.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		if condition.Status != corev1.ConditionTrue {
			return condition.Message
		}
		for _, taint := range node.Spec.Taints {
			if taint.Key != corev1.TaintNodeUnschedulable { // a user has cordoned the node
				return "it has the taint " + taint.Key
			}
		}
		return ""
	}
	return "it has not reported whether it is ready"
}

// Node returns the object of the node with that name.
func Node(ctx context.Context, kubeconfig, name string) (*corev1.Node, error) {
	client, err := Connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	return client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
}

// DeleteNode deletes the object of the node with that name, if it exists.
func DeleteNode(ctx context.Context, kubeconfig, name string) error {
	client, err := Connect(kubeconfig)
	if err != nil {
		return err
	}
	err = client.CoreV1().Nodes().Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !errors.IsNotFound(err) {
		return fmt.Errorf("cannot delete node %q: %w", name, err)
	}
	return nil
}

// ServerVersion returns the version that the API server reports.
func ServerVersion(ctx context.Context, kubeconfig string) (string, error) {
	client, err := Connect(kubeconfig)
	if err != nil {
		return "", err
	}
	// The method that does this with a context is only in the client of Kubernetes 1.37.
	text, err := client.Discovery().RESTClient().Get().AbsPath("/version").DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot ask for the server's version: %w", err)
	}
	var server version.Info
	if err := json.Unmarshal(text, &server); err != nil {
		return "", fmt.Errorf("cannot read the server's version %q: %w", text, err)
	}
	return server.GitVersion, nil
}

// Connect returns a client for the kubeconfig.
func Connect(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("cannot read kubeconfig %q: %w", kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot use kubeconfig %q: %w", kubeconfig, err)
	}
	return client, nil
}

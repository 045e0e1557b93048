package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// AwaitNode waits until the only node is ready, or until it is not ready.
func (c *Cluster) AwaitNode(ctx context.Context, ready bool) error {
	return awaitReady(ctx, "the node", ready, func(ctx context.Context) (*corev1.Node, error) {
		nodes, err := c.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil || len(nodes.Items) == 0 {
			return nil, err
		}
		return &nodes.Items[0], nil
	})
}

// NodeNames returns the names of all nodes, sorted. In a localkube cluster the first one has the control plane.
func (c *Cluster) NodeNames(ctx context.Context) ([]string, error) {
	nodes, err := c.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("cannot list the nodes: %w", err)
	}
	if len(nodes.Items) == 0 {
		return nil, errors.New("the cluster has no node")
	}
	var names []string
	for i := range nodes.Items {
		names = append(names, nodes.Items[i].Name)
	}
	slices.Sort(names)
	return names, nil
}

// AwaitNodeNamed waits until the node of that name is ready, or until it is not ready.
func (c *Cluster) AwaitNodeNamed(ctx context.Context, name string, ready bool) error {
	return awaitReady(ctx, fmt.Sprintf("node %q", name), ready, func(ctx context.Context) (*corev1.Node, error) {
		return c.Kube.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	})
}

// awaitReady waits until the node that get returns is ready, or until it is not ready. what names it in the error.
func awaitReady(ctx context.Context, what string, ready bool, get func(context.Context) (*corev1.Node, error)) error {
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		node, err := get(ctx)
		if err != nil || node == nil {
			return false, ignorePassing(err)
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				return (condition.Status == corev1.ConditionTrue) == ready, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("%s is not Ready=%t: %w", what, ready, err)
	}
	return nil
}

// TaintNode gives a node a taint with the effect NoExecute, or removes it.
func (c *Cluster) TaintNode(ctx context.Context, name, key string, on bool) error {
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		node, err := c.Kube.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return taint.Key == key })
		if on {
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Value: "test", Effect: corev1.TaintEffectNoExecute})
		}
		_, err = c.Kube.CoreV1().Nodes().Update(ctx, node, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot change taint %q of node %q: %w", key, name, err)
	}
	return nil
}

// Evict asks for a pod's eviction, as `kubectl drain` does, with the given grace period in seconds.
func (c *Cluster) Evict(ctx context.Context, namespace, pod string, grace int64) error {
	err := c.Kube.PolicyV1().Evictions(namespace).Evict(ctx, &policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Namespace: namespace, Name: pod},
		DeleteOptions: &metav1.DeleteOptions{GracePeriodSeconds: &grace},
	})
	if err != nil {
		return fmt.Errorf("cannot evict pod %q: %w", pod, err)
	}
	return nil
}

// DeletePod deletes a pod as `kubectl delete pod` does, with the given grace period in seconds.
func (c *Cluster) DeletePod(ctx context.Context, namespace, pod string, grace int64) error {
	err := c.Kube.CoreV1().Pods(namespace).Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: &grace})
	if err != nil {
		return fmt.Errorf("cannot delete pod %q: %w", pod, err)
	}
	return nil
}

package kube

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AwaitNode waits until the only node is ready, or until it is not ready.
func (c *Cluster) AwaitNode(ctx context.Context, ready bool) error {
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		nodes, err := c.Kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil || len(nodes.Items) == 0 {
			return false, ignorePassing(err)
		}
		for _, condition := range nodes.Items[0].Status.Conditions {
			if condition.Type == corev1.NodeReady {
				return (condition.Status == corev1.ConditionTrue) == ready, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("the node is not Ready=%t: %w", ready, err)
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

package kube

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AwaitLogAccess waits until the API server lets the controller read the logs of a namespace's pods, or until it refuses.
func (c *Cluster) AwaitLogAccess(ctx context.Context, namespace string, allowed bool) error {
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		answer, err := c.Kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, logReview(namespace), metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed == allowed, ignorePassing(err)
	})
	if err != nil {
		return fmt.Errorf("the permission to read logs in namespace %q is not %t: %w", namespace, allowed, err)
	}
	return nil
}

// logReview asks whether the controller may read the logs of a namespace's pods.
func logReview(namespace string) *authorizationv1.SubjectAccessReview {
	return &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               "system:serviceaccount:" + Installation + ":" + ControllerName,
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "get", Resource: "pods", Subresource: "log"},
	}}
}

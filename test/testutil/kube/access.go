package kube

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AwaitLogAccess waits until the API server lets the controller read the logs of a namespace's pods, or until it refuses.
func (c *Cluster) AwaitLogAccess(ctx context.Context, namespace string, allowed bool) error {
	return c.AwaitAccess(ctx, allowed, authorizationv1.ResourceAttributes{
		Namespace: namespace, Verb: "get", Resource: "pods", Subresource: "log",
	})
}

// AwaitAccess waits until the API server allows the controller a request, or until it refuses it.
func (c *Cluster) AwaitAccess(ctx context.Context, allowed bool, request authorizationv1.ResourceAttributes) error {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "system:serviceaccount:" + c.Controller + ":" + ControllerName, ResourceAttributes: &request,
	}}
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		answer, err := c.Kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed == allowed, ignorePassing(err)
	})
	if err != nil {
		return fmt.Errorf("the permission to %s %s/%s in namespace %q is not %t: %w",
			request.Verb, request.Resource, request.Subresource, request.Namespace, allowed, err)
	}
	return nil
}

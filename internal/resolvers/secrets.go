package resolvers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
)

// Secrets reads credentials from the namespace of a request, and from no other one.
type Secrets interface {
	// Secret returns a Secret of the namespace. An error is an *Error: the Secret does not exist, or cannot be read now.
	Secret(ctx context.Context, name string) (*corev1.Secret, error)
	// ServiceAccount returns a service account of the namespace, in the same way.
	ServiceAccount(ctx context.Context, name string) (*corev1.ServiceAccount, error)
}

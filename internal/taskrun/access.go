package taskrun

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// LogAccess tells whether the controller may read the logs of pods in a namespace.
type LogAccess interface {
	Allowed(ctx context.Context, namespace string) (bool, error)
}

// LogAccessFn is a function as a LogAccess.
type LogAccessFn func(ctx context.Context, namespace string) (bool, error)

// Allowed calls the function.
func (f LogAccessFn) Allowed(ctx context.Context, namespace string) (bool, error) {
	return f(ctx, namespace)
}

// accessMemory is how long a yes is remembered. A no is not: the run after the one that failed may well come after
// the permission was given.
const accessMemory = time.Minute

// Reviewer asks the API server what the controller may do.
type Reviewer struct {
	client client.Client
	clock  clock.PassiveClock

	mu  sync.Mutex
	yes map[string]time.Time
}

// NewReviewer returns a Reviewer.
func NewReviewer(c client.Client, clk clock.PassiveClock) *Reviewer {
	return &Reviewer{client: c, clock: clk, yes: map[string]time.Time{}}
}

// Allowed reports whether pods/log can be read in the namespace.
func (r *Reviewer) Allowed(ctx context.Context, namespace string) (bool, error) {
	r.mu.Lock()
	until, known := r.yes[namespace]
	r.mu.Unlock()
	if known && r.clock.Now().Before(until) {
		return true, nil
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: "get", Version: "v1", Resource: "pods", Subresource: "log",
		},
	}}
	if err := r.client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("cannot review access to pod logs in namespace %q: %w", namespace, err)
	}
	if review.Status.Allowed {
		r.mu.Lock()
		r.yes[namespace] = r.clock.Now().Add(accessMemory)
		r.mu.Unlock()
	}
	return review.Status.Allowed, nil
}

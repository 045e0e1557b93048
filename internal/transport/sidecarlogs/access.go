package sidecarlogs

import (
	"context"
	"fmt"
	"sync"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/transport"
)

// logAccessFolder has the manifests that permit the controller to read logs in all namespaces. Its folder "namespaced"
// permits one namespace.
const logAccessFolder = "config/enable-log-access-to-controller/"

// GrantLogAccess is the command that permits the controller to read logs, and GrantBeside that for a controller beside Tekton, which has
// another service account. Messages and documentation quote them.
const (
	GrantLogAccess = "kubectl apply -f " + logAccessFolder
	GrantBeside    = "sluice install --beside-tekton --results-from sidecar-logs"
)

// CheckAccess returns a refusal for a namespace in which the controller may not read logs.
func (m *Transport) CheckAccess(ctx context.Context, namespace string) (*transport.RefusalError, error) {
	allowed, err := m.access.Allowed(ctx, namespace)
	if err != nil || allowed {
		return nil, err
	}
	return m.refusal(namespace, nil), nil
}

// refusal describes the missing permission, and the command that grants it. Cause is the error of the API server, if there
// was a request.
func (m *Transport) refusal(namespace string, cause error) *transport.RefusalError {
	everywhere, here := GrantLogAccess, fmt.Sprintf("kubectl apply -n %s -f %snamespaced/", namespace, logAccessFolder)
	if m.beside {
		everywhere, here = GrantBeside, fmt.Sprintf("%s --namespaced -n %s", GrantBeside, namespace)
	}
	message := fmt.Sprintf("results-from is %q, and the controller may not read pod logs in namespace %q (get pods/log); "+
		"grant it with: %s, or for this namespace alone with: %s", config.SidecarLogs, namespace, everywhere, here)
	if namespace == corev1.NamespaceAll {
		message = fmt.Sprintf("results-from is %q, and the controller may not read pod logs in every namespace (get pods/log); runs "+
			"with results will fail, but for those in namespaces that grant it; grant it everywhere with: %s", config.SidecarLogs, everywhere)
	}
	if cause != nil {
		message += ": " + cause.Error()
	}
	return &transport.RefusalError{Message: message}
}

// LogAccess reports whether the controller may read the logs of pods in a namespace.
type LogAccess interface {
	Allowed(ctx context.Context, namespace string) (bool, error)
}

// LogAccessFn is a LogAccess that calls a function.
type LogAccessFn func(ctx context.Context, namespace string) (bool, error)

// Allowed calls the function.
func (f LogAccessFn) Allowed(ctx context.Context, namespace string) (bool, error) {
	return f(ctx, namespace)
}

// accessMemory is how long a positive answer is cached. A negative one is not cached, because the permission may be granted
// before the next run.
const accessMemory = time.Minute

// Reviewer asks the API server for the permissions of the controller.
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

// Allowed reports whether the controller may read pods/log in the namespace.
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

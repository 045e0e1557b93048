package reconcile

import (
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// shortest is how long an object waits after its first failed pass; each further one doubles it.
	shortest = 10 * time.Millisecond
	// longest is how long an object waits at most: what the API server was away for is not waited for once more.
	longest = 30 * time.Second
	// perSecond and atOnce bound the passes after failures over all objects of a kind, however many there are.
	perSecond, atOnce = 100, 500
)

// Backoff returns how long objects of one kind wait after passes that failed, as when the API server answers with 500, or
// not at all. Where it says itself how long to wait (Retry-After), the client has done so by then.
func Backoff() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedMaxOfRateLimiter[reconcile.Request](
		workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](shortest, longest),
		&workqueue.TypedBucketRateLimiter[reconcile.Request]{Limiter: rate.NewLimiter(perSecond, atOnce)},
	)
}

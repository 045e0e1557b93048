package reconcile

import (
	"time"

	"golang.org/x/time/rate"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	// shortest is the delay after the first failed reconcile of an object. Each further failure doubles it.
	shortest = 10 * time.Millisecond
	// longest is the maximum delay, so that an object does not wait long after the API server is available again.
	longest = 30 * time.Second
	// perSecond and atOnce limit the reconciles after failures over all objects of a kind.
	perSecond, atOnce = 100, 500
)

// Backoff returns the rate limiter for objects of one kind after failed reconciles, for example when the API server is
// unavailable or responds with 500. The client has already waited for Retry-After, if the response had it.
func Backoff() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedMaxOfRateLimiter[reconcile.Request](
		workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](shortest, longest),
		&workqueue.TypedBucketRateLimiter[reconcile.Request]{Limiter: rate.NewLimiter(perSecond, atOnce)},
	)
}

package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Await reads obj until done returns true. list is a list of obj's kind. Await watches, so that it returns immediately. If
// the API server does not answer for a while, Await keeps trying.
func Await[T client.Object](ctx context.Context, c client.WithWatch, obj T, list client.ObjectList, done func(T) bool) error {
	key := client.ObjectKeyFromObject(obj)
	for {
		err := Poll(ctx, func(ctx context.Context) (bool, error) {
			err := c.Get(ctx, key, obj)
			return err == nil, ignorePassing(err)
		})
		if err != nil {
			return fmt.Errorf("cannot read %T %q: %w", obj, key.Name, err)
		}
		if done(obj) {
			return nil
		}
		if err := changed(ctx, c, obj, list); err != nil {
			return fmt.Errorf("%T %q did not reach the expected state: %w", obj, key.Name, err)
		}
	}
}

// Create creates obj. If the API server or a webhook does not answer for a while, Create keeps trying.
func Create(ctx context.Context, c client.Client, obj client.Object, options ...client.CreateOption) error {
	var last error
	err := Poll(ctx, func(ctx context.Context) (bool, error) {
		last = c.Create(ctx, obj, options...)
		return last == nil, ignorePassing(last)
	})
	if err != nil {
		return fmt.Errorf("cannot create %T in namespace %q: %w", obj, obj.GetNamespace(), cmp.Or(last, err))
	}
	return nil
}

// changed returns when the object differs from the given one, or the watch has ended for a reason that is not a failure.
func changed(ctx context.Context, c client.WithWatch, obj client.Object, list client.ObjectList) error {
	w, err := c.Watch(ctx, list, client.InNamespace(obj.GetNamespace()),
		client.MatchingFields{"metadata.name": obj.GetName()},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: obj.GetResourceVersion()}})
	if err != nil {
		return ignorePassing(err)
	}
	defer w.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case event, open := <-w.ResultChan():
		if open && event.Type == watch.Deleted {
			return errors.New("it was deleted")
		}
		return nil
	}
}

// ignorePassing drops an error that may be temporary: the API server is unreachable or has an internal error. It returns
// every other error of the API server.
func ignorePassing(err error) error {
	_, answered := errors.AsType[*apierrors.StatusError](err)
	switch {
	case !answered && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return nil
	case apierrors.IsInternalError(err), apierrors.IsServiceUnavailable(err), apierrors.IsTooManyRequests(err),
		apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsResourceExpired(err), apierrors.IsUnauthorized(err):
		return nil
	default:
		return err
	}
}

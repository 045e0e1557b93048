package fault

import (
	"errors"
	"fmt"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestOf(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	cases := map[string]struct {
		reason string
		err    error
		want   Class
		retry  bool
	}{
		"Conflict":  {"of two writers one loses, silently", apierrors.NewConflict(pods, "p", errors.New("changed")), Conflict, false},
		"Wrapped":   {"the cause decides, however often it was wrapped", fmt.Errorf("cannot write: %w", apierrors.NewConflict(pods, "p", nil)), Conflict, false},
		"NotFound":  {"a run that was deleted needs nothing more", apierrors.NewNotFound(pods, "p"), Gone, false},
		"Quota":     {"others may end", apierrors.NewForbidden(pods, "p", errors.New("exceeded quota: small")), Waiting, true},
		"NewQuota":  {"a quota that was made a moment ago will be known soon", apierrors.NewForbidden(pods, "p", errors.New("status unknown for quota: small, resources: pods")), Waiting, true},
		"Forbidden": {"a policy does not change its mind", apierrors.NewForbidden(pods, "p", errors.New("violates PodSecurity")), Refused, true},
		"Invalid":   {"the same object stays invalid", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil), Refused, true},
		"Etcd":      {"etcd's limit arrives as an internal error (#6076)", apierrors.NewInternalError(errors.New("etcdserver: request is too large")), TooLarge, true},
		"TooLarge":  {"the API server's own limit", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), TooLarge, true},
		"Timeout":   {"a time-out passes", apierrors.NewTimeoutError("slow", 1), Transient, true},
		"Throttled": {"so does a full queue", apierrors.NewTooManyRequests("later", 1), Transient, true},
		"Network":   {"so does a connection that broke", errors.New("connection reset by peer"), Transient, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Of(tc.err); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
			if got := Retry(tc.err) != nil; got != tc.retry {
				t.Errorf("%s: want retry %v, got %v", tc.reason, tc.retry, got)
			}
		})
	}
	if Retry(nil) != nil {
		t.Error("no error is nothing to retry")
	}
}

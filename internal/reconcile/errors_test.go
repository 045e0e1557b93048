package reconcile

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
		"NotFound":  {"a run that was deleted needs nothing more", apierrors.NewNotFound(pods, "p"), NotFound, false},
		"Quota":     {"others may end", apierrors.NewForbidden(pods, "p", errors.New("exceeded quota: small")), Exhausted, true},
		"NewQuota":  {"a quota that was made a moment ago will be known soon", apierrors.NewForbidden(pods, "p", errors.New("status unknown for quota: small, resources: pods")), Exhausted, true},
		"Forbidden": {"a policy does not change its mind", apierrors.NewForbidden(pods, "p", errors.New("violates PodSecurity")), Rejected, true},
		"Invalid":   {"the same object stays invalid", apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil), Rejected, true},
		"Etcd":      {"etcd's limit arrives as an internal error (#6076)", apierrors.NewInternalError(errors.New("etcdserver: request is too large")), TooLarge, true},
		"TooLarge":  {"the API server's own limit", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), TooLarge, true},
		"Timeout":   {"a time-out passes", apierrors.NewTimeoutError("slow", 1), Transient, true},
		"Throttled": {"so does a full queue", apierrors.NewTooManyRequests("later", 1), Transient, true},
		"Network":   {"so does a connection that broke", errors.New("connection reset by peer"), Transient, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Classify(tc.err); got != tc.want {
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

// TestFinal: a status that is refused for what it says ends its run; a permission that is missing, and everything that passes,
// is waited for.
func TestFinal(t *testing.T) {
	runs := schema.GroupResource{Group: "tekton.dev", Resource: "taskruns"}
	cases := map[string]struct {
		reason   string
		err      error
		want     bool
		answered bool
	}{
		"TooLarge":   {"an object does not shrink", apierrors.NewRequestEntityTooLargeError("limit is 3145728"), true, true},
		"Etcd":       {"nor does it for etcd", apierrors.NewInternalError(errors.New("etcdserver: request is too large")), true, true},
		"Connection": {"nor where etcd's limit was raised above that of its client", apierrors.NewInternalError(errors.New("rpc error: code = ResourceExhausted desc = trying to send message larger than max (2097353 vs. 2097152)")), true, true},
		"Invalid":    {"a schema does not change its mind", apierrors.NewInvalid(schema.GroupKind{Kind: "TaskRun"}, "r", nil), true, true},
		"BadRequest": {"nor does a decoder", apierrors.NewBadRequest("cannot decode"), true, true},
		"Webhook":    {"a webhook of others refuses what the status says", apierrors.NewForbidden(runs, "r", errors.New(`admission webhook "x" denied the request: no`)), true, true},
		"Policy":     {"so does a policy", apierrors.NewForbidden(runs, "r", errors.New(`ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no`)), true, true},
		"Permission": {"a permission can be granted, and nothing could be written meanwhile", apierrors.NewForbidden(runs, "r", errors.New(`User "system:serviceaccount:a:b" cannot patch resource "taskruns/status"`)), false, true},
		"Conflict":   {"the newer version starts a pass", apierrors.NewConflict(runs, "r", nil), false, true},
		"NotFound":   {"there is nothing to end", apierrors.NewNotFound(runs, "r"), false, true},
		"Timeout":    {"a time-out passes", apierrors.NewTimeoutError("slow", 1), false, true},
		"Network":    {"so does a connection that broke", errors.New("connection reset by peer"), false, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Final(fmt.Errorf("cannot write: %w", tc.err)); got != tc.want {
				t.Errorf("%s: want %v, got %v", tc.reason, tc.want, got)
			}
			if got := Answered(fmt.Errorf("cannot write: %w", tc.err)); got != tc.answered {
				t.Errorf("%s: want answered %v, got %v", tc.reason, tc.answered, got)
			}
		})
	}
}

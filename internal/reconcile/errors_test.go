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
		"Conflict": {
			reason: "of two writers one loses, silently",
			err:    apierrors.NewConflict(pods, "p", errors.New("changed")),
			want:   Conflict,
		},
		"Wrapped": {
			reason: "the cause decides, however often it was wrapped",
			err:    fmt.Errorf("cannot write: %w", apierrors.NewConflict(pods, "p", nil)),
			want:   Conflict,
		},
		"NotFound": {
			reason: "a run that was deleted needs nothing more",
			err:    apierrors.NewNotFound(pods, "p"),
			want:   NotFound,
		},
		"Quota": {
			reason: "others may end",
			err:    apierrors.NewForbidden(pods, "p", errors.New("exceeded quota: small")),
			want:   Exhausted,
			retry:  true,
		},
		"NewQuota": {
			reason: "a quota that was made a moment ago will be known soon",
			err:    apierrors.NewForbidden(pods, "p", errors.New("status unknown for quota: small, resources: pods")),
			want:   Exhausted,
			retry:  true,
		},
		"Forbidden": {
			reason: "a policy does not change its mind",
			err:    apierrors.NewForbidden(pods, "p", errors.New("violates PodSecurity")),
			want:   Rejected,
			retry:  true,
		},
		"Invalid": {
			reason: "the same object stays invalid",
			err:    apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "p", nil),
			want:   Rejected,
			retry:  true,
		},
		"Etcd": {
			reason: "etcd's limit arrives as an internal error (#6076)",
			err:    apierrors.NewInternalError(errors.New("etcdserver: request is too large")),
			want:   TooLarge,
			retry:  true,
		},
		"TooLarge": {
			reason: "the API server's own limit",
			err:    apierrors.NewRequestEntityTooLargeError("limit is 3145728"),
			want:   TooLarge,
			retry:  true,
		},
		"Timeout": {
			reason: "a time-out passes",
			err:    apierrors.NewTimeoutError("slow", 1),
			want:   Transient,
			retry:  true,
		},
		"Throttled": {
			reason: "so does a full queue",
			err:    apierrors.NewTooManyRequests("later", 1),
			want:   Transient,
			retry:  true,
		},
		"Network": {
			reason: "so does a connection that broke",
			err:    errors.New("connection reset by peer"),
			want:   Transient,
			retry:  true,
		},
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
		"TooLarge": {
			reason:   "an object does not shrink",
			err:      apierrors.NewRequestEntityTooLargeError("limit is 3145728"),
			want:     true,
			answered: true,
		},
		"Etcd": {
			reason:   "nor does it for etcd",
			err:      apierrors.NewInternalError(errors.New("etcdserver: request is too large")),
			want:     true,
			answered: true,
		},
		"Connection": {
			reason: "nor where etcd's limit was raised above that of its client",
			err: apierrors.NewInternalError(errors.New("rpc error: code = ResourceExhausted desc = trying to " +
				"send message larger than max (2097353 vs. 2097152)")),
			want:     true,
			answered: true,
		},
		"Invalid": {
			reason:   "a schema does not change its mind",
			err:      apierrors.NewInvalid(schema.GroupKind{Kind: "TaskRun"}, "r", nil),
			want:     true,
			answered: true,
		},
		"BadRequest": {
			reason:   "nor does a decoder",
			err:      apierrors.NewBadRequest("cannot decode"),
			want:     true,
			answered: true,
		},
		"Webhook": {
			reason:   "a webhook of others refuses what the status says",
			err:      apierrors.NewForbidden(runs, "r", errors.New(`admission webhook "x" denied the request: no`)),
			want:     true,
			answered: true,
		},
		"Policy": {
			reason:   "so does a policy",
			err:      apierrors.NewForbidden(runs, "r", errors.New(`ValidatingAdmissionPolicy 'x' with binding 'x' denied request: no`)),
			want:     true,
			answered: true,
		},
		"Permission": {
			reason:   "a permission can be granted, and nothing could be written meanwhile",
			err:      apierrors.NewForbidden(runs, "r", errors.New(`User "system:serviceaccount:a:b" cannot patch resource "taskruns/status"`)),
			answered: true,
		},
		"Conflict": {
			reason:   "the newer version starts a pass",
			err:      apierrors.NewConflict(runs, "r", nil),
			answered: true,
		},
		"NotFound": {
			reason:   "there is nothing to end",
			err:      apierrors.NewNotFound(runs, "r"),
			answered: true,
		},
		"Timeout": {
			reason:   "a time-out passes",
			err:      apierrors.NewTimeoutError("slow", 1),
			answered: true,
		},
		"Network": {
			reason: "so does a connection that broke",
			err:    errors.New("connection reset by peer"),
		},
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

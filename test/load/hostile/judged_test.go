package hostile

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestJudged(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   bool
	}{
		"Admitted": {reason: "There is no error."},
		"Invalid": {
			reason: "A webhook has refused it.",
			err:    apierrors.NewInvalid(schema.GroupKind{}, "x", nil),
			want:   true,
		},
		"Forbidden": {
			reason: "A policy has refused it.",
			err:    apierrors.NewForbidden(schema.GroupResource{}, "x", errors.New("why")),
			want:   true,
		},
		"Etcd": {
			reason: "It is larger than etcd's limit.",
			err:    apierrors.NewInternalError(errors.New("etcdserver: request is too large")),
			want:   true,
		},
		"Webhook": {
			reason: "The webhook has not answered.",
			err:    apierrors.NewInternalError(errors.New("failed calling webhook: context deadline exceeded")),
		},
		"Away": {
			reason: "Nobody has answered.",
			err:    errors.New("connection refused"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Judged(tc.err); got != tc.want {
				t.Errorf("%s Judged: %t", tc.reason, got)
			}
		})
	}
}

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
		"Admitted":  {"There is no error.", nil, false},
		"Invalid":   {"A webhook has refused it.", apierrors.NewInvalid(schema.GroupKind{}, "x", nil), true},
		"Forbidden": {"A policy has refused it.", apierrors.NewForbidden(schema.GroupResource{}, "x", errors.New("why")), true},
		"Etcd":      {"It is larger than what etcd takes.", apierrors.NewInternalError(errors.New("etcdserver: request is too large")), true},
		"Webhook":   {"The webhook has not answered.", apierrors.NewInternalError(errors.New("failed calling webhook: context deadline exceeded")), false},
		"Away":      {"Nobody has answered.", errors.New("connection refused"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Judged(tc.err); got != tc.want {
				t.Errorf("%s Judged: %t", tc.reason, got)
			}
		})
	}
}

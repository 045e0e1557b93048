package strict

import (
	"context"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestVerdict(t *testing.T) {
	const ours = `UPDATE taskruns/status "a" of system:serviceaccount:sluice-system:sluice-controller: no field x`
	const theirs = `CREATE taskruns "a" of admin: no field x`
	cases := map[string]struct {
		reason  string
		seen    int
		refused []string
		want    string
	}{
		"Accepted": {
			reason:  "A file with an invalid object is a case, and no error of Sluice.",
			seen:    3,
			refused: []string{theirs},
		},
		"Refused": {
			reason:  "A refused write of Sluice is shown.",
			seen:    3,
			refused: []string{theirs, ours},
			want:    "1 writes of Sluice:\n" + ours,
		},
		"NotAsked": {
			reason: "A webhook that nothing asks proves nothing.",
			want:   "has not seen",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := verdict(tc.seen, tc.refused)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\ngot %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}

// TestStartAndStop: the configuration exists between start and stop only.
func TestStartAndStop(t *testing.T) {
	c := fake.NewClientBuilder().WithScheme(scheme.Scheme).Build()
	configurations := func() int {
		var list admissionregistrationv1.ValidatingWebhookConfigurationList
		if err := c.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Items)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop, err := Start(ctx, c, "127.0.0.1")
	if err != nil || configurations() != 1 {
		t.Fatalf("got %d configurations, %v", configurations(), err)
	}
	cancel()
	if err := stop(); err == nil || !strings.Contains(err.Error(), "has not seen") || configurations() != 0 {
		t.Errorf("got %d configurations, %v", configurations(), err)
	}
}

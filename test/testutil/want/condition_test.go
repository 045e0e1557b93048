package want_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/test/testutil/want"
)

// recorder is a test that records its failures instead of failing.
type recorder struct {
	testing.TB
	failures int
}

type stopped struct{}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(string, ...any) { r.failures++ }

func (r *recorder) Fatalf(string, ...any) {
	r.failures++
	panic(stopped{})
}

func TestCondition(t *testing.T) {
	failed := &metav1.Condition{Status: metav1.ConditionFalse, Reason: "Failed", Message: `step "a" exited with code 3`}
	cases := map[string]struct {
		reason   string
		got      *metav1.Condition
		status   metav1.ConditionStatus
		want     string
		parts    []string
		failures int
	}{
		"Same": {
			reason: "The message may contain more than the parts.",
			got:    failed,
			status: metav1.ConditionFalse,
			want:   "Failed",
			parts:  []string{`"a"`, "code 3"},
		},
		"None": {
			reason:   "A run without a status has no condition.",
			status:   metav1.ConditionFalse,
			want:     "Failed",
			failures: 1,
		},
		"OtherStatus": {
			reason:   "The status counts.",
			got:      failed,
			status:   metav1.ConditionTrue,
			want:     "Failed",
			failures: 1,
		},
		"OtherReason": {
			reason:   "The message is not compared if the reason differs.",
			got:      failed,
			status:   metav1.ConditionFalse,
			want:     "TaskRunTimeout",
			parts:    []string{"timeout"},
			failures: 1,
		},
		"MissingParts": {
			reason:   "Each missing part is named.",
			got:      failed,
			status:   metav1.ConditionFalse,
			want:     "Failed",
			parts:    []string{`"b"`, "code 3", "code 4"},
			failures: 2,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			func() {
				defer func() {
					if value := recover(); value != nil && value != any(stopped{}) {
						panic(fmt.Sprint(value))
					}
				}()
				want.Condition(r, tc.got, tc.status, tc.want, tc.parts...)
			}()
			if r.failures != tc.failures {
				t.Errorf("%s\nwant %d failures, got %d", tc.reason, tc.failures, r.failures)
			}
		})
	}
}

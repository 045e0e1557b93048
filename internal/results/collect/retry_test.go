package collect

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// TestPauses: each pause is from half of its bound to its bound, and bounds double up to the largest.
func TestPauses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			Backoff:  time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "backoff")),
			Deadline: time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "deadline")),
		}.withDefaults()
		p, bound := newPauses(o, o.Deadline/20), o.Backoff
		for i := range 20 {
			if got := p.take(); got < bound/2 || got > bound {
				t.Fatalf("pause %d of %+v is %s, and its bound %s", i, o, got, bound)
			}
			bound = min(2*bound, max(o.Backoff, o.Deadline/20))
		}
		p.reset()
		if got := p.take(); got > o.Backoff {
			t.Fatalf("the first pause after a reset is %s, more than %s", got, o.Backoff)
		}
	})
}

// TestPausesDiffer: many that lost the same kubelet must not ask it again in the same moment.
func TestPausesDiffer(t *testing.T) {
	different := map[time.Duration]bool{}
	for range 100 {
		p := newPauses(Options{}.withDefaults(), time.Second)
		different[p.take()] = true
	}
	if len(different) < 50 {
		t.Errorf("of 100 first pauses, only %d differ", len(different))
	}
}

func TestFailureText(t *testing.T) {
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, "p")
	cut := fmt.Errorf("%w: x", frame.ErrIncomplete)
	cases := map[string]struct {
		reason  string
		failure *failure
		kind    kind
		want    string
	}{
		"Denied":       {"what a role does not allow", notOpened(forbidden(), nil), denied, `the log may not be read: pods/log "run-pod" is forbidden: not yours`},
		"Unauthorized": {"who is not known may not read either", notOpened(apierrors.NewUnauthorized("who?"), nil), denied, `the log may not be read: who?`},
		"NotFound":     {"what is not there", notOpened(gone, nil), absent, `there is no such log: pods "p" not found`},
		"Unreachable":  {"anything else that the API says", notOpened(errAway, nil), unreachable, `the log cannot be had: kubelet away`},
		"OpenStalled":  {"our own stopping is not told as what it looks like", notOpened(errors.New("context canceled"), errStalled), stalled, `no record came out of the log for too long`},
		"ReadStalled":  {"nor is it while reading", notRead(cut, errors.New("closed"), errStalled), stalled, `no record came out of the log for too long`},
		"Broken":       {"the cause is told, without this side's port", notRead(cut, errors.New("read tcp [::1]:53412->[::1]:443: reset"), nil), broken, `the log broke off while it was read: read tcp [::1]:443: reset`},
		"Incomplete":   {"how many records there were is no news", notRead(cut, nil, nil), incomplete, `the results stream is incomplete: the log has no end record`},
		"Damaged":      {"damage is told as it is", notRead(fmt.Errorf("%w: line 3", frame.ErrDigest), nil, nil), corrupt, `the results stream is damaged: line 3`},
		"DamagedAndStopped": {"what was seen before the stop counts", notRead(fmt.Errorf("%w: line 3", frame.ErrDigest), errAway, errStalled), corrupt,
			`the results stream is damaged: line 3`},
		"Long": {"a message has an end", notOpened(errors.New(strings.Repeat("é", 4000)), nil), unreachable, `the log cannot be had: ` + strings.Repeat("é", 512) + "…"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.failure.kind != tc.kind || tc.failure.text() != tc.want {
				t.Errorf("%s: want kind %d and %q, got %d and %q", tc.reason, tc.kind, tc.want, tc.failure.kind, tc.failure.text())
			}
		})
	}
}

// TestEveryDamageIsCorrupt: an error of package frame that is taken for a passing one would cost the whole deadline, or
// hide damage behind a later read.
func TestEveryDamageIsCorrupt(t *testing.T) {
	for _, err := range []error{frame.ErrGap, frame.ErrDuplicate, frame.ErrTrailing, frame.ErrVersion, frame.ErrDigest, frame.ErrTooLarge, frame.ErrMalformed, ErrUnexpected} {
		if got := notRead(fmt.Errorf("%w: x", err), nil, nil).kind; got != corrupt {
			t.Errorf("%v is of kind %d", err, got)
		}
	}
}

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
		"Denied": {
			reason:  "what a role does not allow",
			failure: notOpened(forbidden(), nil),
			kind:    denied,
			want:    `the controller may not read the log: pods/log "run-pod" is forbidden: not yours`,
		},
		"Unauthorized": {
			reason:  "who is not known may not read either",
			failure: notOpened(apierrors.NewUnauthorized("who?"), nil),
			kind:    denied,
			want:    `the controller may not read the log: who?`,
		},
		"NotFound": {
			reason:  "what is not there",
			failure: notOpened(gone, nil),
			kind:    absent,
			want:    `the log does not exist: pods "p" not found`,
		},
		"Unreachable": {
			reason:  "anything else that the API says",
			failure: notOpened(errAway, nil),
			kind:    unreachable,
			want:    `the log is unavailable: kubelet away`,
		},
		"OpenStalled": {
			reason:  "our own stopping is not told as what it looks like",
			failure: notOpened(errors.New("context canceled"), errStalled),
			kind:    stalled,
			want:    `the log had no record for too long`,
		},
		"ReadStalled": {
			reason:  "nor is it while reading",
			failure: notRead(cut, errors.New("closed"), errStalled),
			kind:    stalled,
			want:    `the log had no record for too long`,
		},
		"Broken": {
			reason:  "the cause is told, without this side's port",
			failure: notRead(cut, errors.New("read tcp [::1]:53412->[::1]:443: reset"), nil),
			kind:    broken,
			want:    `the connection broke while the log was read: read tcp [::1]:443: reset`,
		},
		"Incomplete": {
			reason:  "how many records there were is no news",
			failure: notRead(cut, nil, nil),
			kind:    incomplete,
			want:    `the results stream is incomplete: the log has no end record`,
		},
		"Damaged": {
			reason:  "damage is told as it is",
			failure: notRead(fmt.Errorf("%w: line 3", frame.ErrDigest), nil, nil),
			kind:    corrupt,
			want:    `the results stream is damaged: line 3`,
		},
		"DamagedAndStopped": {
			reason:  "what was seen before the stop counts",
			failure: notRead(fmt.Errorf("%w: line 3", frame.ErrDigest), errAway, errStalled),
			kind:    corrupt,
			want:    `the results stream is damaged: line 3`,
		},
		"Long": {
			reason:  "a message has an end",
			failure: notOpened(errors.New(strings.Repeat("é", 4000)), nil),
			kind:    unreachable,
			want:    `the log is unavailable: ` + strings.Repeat("é", 512) + "…",
		},
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
	for _, err := range []error{
		frame.ErrGap, frame.ErrDuplicate, frame.ErrTrailing, frame.ErrVersion, frame.ErrDigest, frame.ErrTooLarge,
		frame.ErrMalformed, ErrUnexpected,
	} {
		if got := notRead(fmt.Errorf("%w: x", err), nil, nil).kind; got != corrupt {
			t.Errorf("%v is of kind %d", err, got)
		}
	}
}

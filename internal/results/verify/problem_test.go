package verify_test

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/signature"
	"github.com/sluice-ci/sluice/internal/results/verify"
)

// A step that left something which cannot be carried has signed that, so that the record of the problem cannot be taken
// away, or replaced by a value.
func TestProblemTakenAway(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(w *world)
		want   verify.Reason
	}{
		"Told": {
			reason: "With its problem the stream is what the steps signed; the run fails for the problem.",
			change: func(*world) {},
		},
		"OtherKind": {
			reason: "The sidecar may see another problem than the step: it is another user.",
			change: func(w *world) {
				w.set.Problems[0].Kind = frame.Unreadable
			},
		},
		"TakenAway": {
			reason: "Without it the result would look as if it had not been written.",
			change: func(w *world) { w.set.Problems = nil },
			want:   verify.ResultMissing,
		},
		"OfAnother": {
			reason: "The problem of another result is none of this one.",
			change: func(w *world) { w.set.Problems[0].Result = "unwritten" },
			want:   verify.ResultMissing,
		},
		"Value": {
			reason: "Nor can there be a value, which no step has signed.",
			change: func(w *world) {
				w.set.Problems, w.set.Results = nil, append(w.set.Results, frame.Result{Name: "notes", Type: "string", Value: []byte("x")})
			},
			want: verify.ResultChanged,
		},
		"EmptyValue": {
			reason: "Not even an empty one.",
			change: func(w *world) {
				w.set.Problems, w.set.Results = nil, append(w.set.Results, frame.Result{Name: "notes", Type: "string"})
			},
			want: verify.ResultChanged,
		},
		"ValueToProblem": {
			reason: "A value that was signed is not replaced by a problem.",
			change: func(w *world) {
				w.set.Results = w.set.Results[1:]
				w.set.Problems = append(w.set.Problems, frame.Problem{Result: "digest", Kind: frame.Unreadable})
			},
			want: verify.ResultMissing,
		},
		"Withheld": {
			reason: "But for one that is not carried because a step forged its end.",
			change: func(w *world) {
				w.set.Results = w.set.Results[1:]
				w.set.Problems = append(w.set.Problems, frame.Problem{Result: "digest", Kind: frame.Withheld})
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.statements["step-two"].Results = []signature.Result{{Name: "notes", Type: "string", Problem: frame.TooLarge}}
			w.sign()
			w.set.Results = w.set.Results[:2]
			w.set.Problems = []frame.Problem{{Result: "notes", Kind: frame.TooLarge, Size: 9999, Limit: 4096}}
			tc.change(w)
			if got := w.judge(); got.Reason != tc.want {
				t.Errorf("%s\ngot %+v, want %q", tc.reason, got, tc.want)
			}
		})
	}
}

// A result that could not be carried may be made anew by a later step; one that could may not be spoilt by one.
func TestProblemMendedByALaterStep(t *testing.T) {
	w := newWorld(t)
	w.statements["step-one"].Results = append(w.statements["step-one"].Results,
		signature.Result{Name: "notes", Type: "string", Problem: frame.TooLarge})
	w.sign()
	if got := w.judge(); !got.Verified() {
		t.Errorf("a later step has made it anew: got %+v", got)
	}
	w = newWorld(t)
	w.statements["step-two"].Results = []signature.Result{{Name: "digest", Type: "string", Problem: frame.TooLarge}}
	w.sign()
	w.set.Results = w.set.Results[1:2]
	w.set.Problems = []frame.Problem{{Result: "digest", Kind: frame.TooLarge}}
	if got := w.judge(); got.Reason != verify.ResultChanged {
		t.Errorf("a later step has spoilt it: got %+v", got)
	}
}

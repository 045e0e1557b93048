package collect

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

func TestRead(t *testing.T) {
	completed := func(name string) frame.Step { return frame.Step{Name: name, Reason: frame.ReasonCompleted} }
	one, two := completed("step-one"), completed("step-two")
	cut := frame.Step{Name: "step-two", ExitCode: frame.UnfinishedExitCode, Reason: frame.ReasonUnfinished}
	cases := map[string]struct {
		reason string
		log    []byte
		want   *Set
	}{
		"Whole": {
			reason: "all records are taken",
			log:    whole(t),
			want: &Set{
				Steps:    []frame.Step{one, two},
				Results:  []frame.Result{{Name: "a", Type: "string", Value: []byte("hello")}},
				Problems: []frame.Problem{{Result: "b", Kind: frame.NotUTF8}},
			},
		},
		"Foreign": {
			reason: "foreign lines are passed over",
			log:    append([]byte("noise of somebody else\n"), stream(t, false, step("step-one"), step("step-two"))...),
			want:   &Set{Steps: []frame.Step{one, two}},
		},
		"OtherOrder": {
			reason: "a step may end before an earlier one does",
			log:    stream(t, false, step("step-two"), step("step-one")),
			want:   &Set{Steps: []frame.Step{two, one}},
		},
		"Absent": {
			reason: "a result that was not written has no record",
			log:    stream(t, false, step("step-one"), step("step-two"), result("b", "array", "[]")),
			want:   &Set{Steps: []frame.Step{one, two}, Results: []frame.Result{{Name: "b", Type: "array", Value: []byte("[]")}}},
		},
		"Interrupted": {
			reason: "an interrupted stream speaks of each step, too",
			log:    stream(t, true, step("step-one"), unfinished("step-two")),
			want:   &Set{Steps: []frame.Step{one, cut}, Interrupted: true},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for how, read := range map[string]func() (*Set, error){
				"finished": func() (*Set, error) { return ReadFinished(bytes.NewReader(tc.log), want()) },
				"followed": func() (*Set, error) { return ReadFollowed(bytes.NewReader(tc.log), want()) },
			} {
				got, err := read()
				if err != nil {
					t.Fatalf("%s, %s: %v", tc.reason, how, err)
				}
				if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(frame.Result{}, "SHA256")); diff != "" {
					t.Errorf("%s, %s: -want +got:\n%s", tc.reason, how, diff)
				}
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	one, two := step("step-one"), step("step-two")
	noSteps := want()
	noSteps.Steps = nil
	cases := map[string]struct {
		reason string
		log    []byte
		wanted Want
		want   error
	}{
		"Empty": {
			reason: "a log that says nothing is not a set without results",
			wanted: want(),
			want:   frame.ErrIncomplete,
		},
		"CutOff": {
			reason: "the end record is what makes a stream whole",
			log:    whole(t)[:len(whole(t))-1],
			wanted: want(),
			want:   frame.ErrIncomplete,
		},
		"OtherNonce": {
			reason: "a stream of another pod is noise",
			log:    bytes.ReplaceAll(whole(t), []byte(nonce), []byte("x0nce")),
			wanted: want(),
			want:   frame.ErrIncomplete,
		},
		"Trailing": {
			reason: "a log that goes on after its end was written by somebody else, too",
			log:    append(whole(t), whole(t)...),
			wanted: want(),
			want:   frame.ErrTrailing,
		},
		"Undeclared": {
			reason: "nobody can smuggle in a result that the task does not declare",
			log:    stream(t, false, one, two, result("c", "string", "")),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"UndeclaredEmpty": {
			reason: "not even one whose type is that of nothing",
			log:    stream(t, false, one, two, problem("c")),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"WrongType": {
			reason: "the type is the declared one",
			log:    stream(t, false, one, two, result("a", "array", "[]")),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"Twice": {
			reason: "a second value must not replace the first",
			log:    stream(t, false, one, two, result("a", "string", ""), result("a", "string", "")),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"ProblemAndResult": {
			reason: "a result is carried or it is not",
			log:    stream(t, false, one, two, result("a", "string", ""), problem("a")),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"NoSteps": {
			reason: "a step that nobody speaks of may have failed",
			log:    stream(t, false),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"StepMissing": {
			reason: "nor may one of several be left out",
			log:    stream(t, false, one),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"LastStepMissing": {
			reason: "whichever it is",
			log:    stream(t, false, two, result("a", "string", "x")),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"StepTwice": {
			reason: "a second end of a step must not hide the first",
			log:    stream(t, false, one, two, two),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"StepUnknown": {
			reason: "a stream of another task is not this one's",
			log:    stream(t, false, one, two, step("step-three")),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"InterruptedStepMissing": {
			reason: "an interrupted sidecar knows its steps, too: what it does not speak of is not ended well",
			log:    stream(t, true, one),
			wanted: want(),
			want:   ErrUnexpected,
		},
		"StepsUntold": {
			reason: "to forget the steps is no way around the check",
			log:    whole(t),
			wanted: noSteps,
			want:   ErrUnexpected,
		},
		"StepsUntoldNo": {
			reason: "even if the stream has none",
			log:    stream(t, false),
			wanted: noSteps,
			want:   ErrUnexpected,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			set, err := ReadFinished(bytes.NewReader(tc.log), tc.wanted)
			if !errors.Is(err, tc.want) || set != nil {
				t.Errorf("%s: want %v and no set, got %v, %+v", tc.reason, tc.want, err, set)
			}
			set, err = ReadFollowed(bytes.NewReader(tc.log), tc.wanted)
			if !errors.Is(tc.want, frame.ErrTrailing) && (!errors.Is(err, tc.want) || set != nil) {
				t.Errorf("%s, followed: want %v and no set, got %v, %+v", tc.reason, tc.want, err, set)
			}
		})
	}
}

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
		"Whole": {"all records are taken", whole(t), &Set{
			Steps:    []frame.Step{one, two},
			Results:  []frame.Result{{Name: "a", Type: "string", Value: []byte("hello")}},
			Problems: []frame.Problem{{Result: "b", Kind: frame.NotUTF8}},
		}},
		"Foreign": {"foreign lines are passed over", append([]byte("noise of somebody else\n"), stream(t, false, step("step-one"), step("step-two"))...),
			&Set{Steps: []frame.Step{one, two}}},
		"OtherOrder": {"a step may end before an earlier one does", stream(t, false, step("step-two"), step("step-one")),
			&Set{Steps: []frame.Step{two, one}}},
		"Absent": {"a result that was not written has no record", stream(t, false, step("step-one"), step("step-two"), result("b", "array", "[]")),
			&Set{Steps: []frame.Step{one, two}, Results: []frame.Result{{Name: "b", Type: "array", Value: []byte("[]")}}}},
		"Interrupted": {"an interrupted stream speaks of each step, too", stream(t, true, step("step-one"), unfinished("step-two")),
			&Set{Steps: []frame.Step{one, cut}, Interrupted: true}},
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
		"Empty":            {"a log that says nothing is not a set without results", nil, want(), frame.ErrIncomplete},
		"CutOff":           {"the end record is what makes a stream whole", whole(t)[:len(whole(t))-1], want(), frame.ErrIncomplete},
		"OtherNonce":       {"a stream of another pod is noise", bytes.ReplaceAll(whole(t), []byte(nonce), []byte("x0nce")), want(), frame.ErrIncomplete},
		"Trailing":         {"a log that goes on after its end was written by somebody else, too", append(whole(t), whole(t)...), want(), frame.ErrTrailing},
		"Undeclared":       {"nobody can smuggle in a result that the task does not declare", stream(t, false, one, two, result("c", "string", "")), want(), ErrUnexpected},
		"UndeclaredEmpty":  {"not even one whose type is that of nothing", stream(t, false, one, two, problem("c")), want(), ErrUnexpected},
		"WrongType":        {"the type is the declared one", stream(t, false, one, two, result("a", "array", "[]")), want(), ErrUnexpected},
		"Twice":            {"a second value must not replace the first", stream(t, false, one, two, result("a", "string", ""), result("a", "string", "")), want(), ErrUnexpected},
		"ProblemAndResult": {"a result is carried or it is not", stream(t, false, one, two, result("a", "string", ""), problem("a")), want(), ErrUnexpected},
		"NoSteps":          {"a step that nobody speaks of may have failed", stream(t, false), want(), ErrUnexpected},
		"StepMissing":      {"nor may one of several be left out", stream(t, false, one), want(), ErrUnexpected},
		"LastStepMissing":  {"whichever it is", stream(t, false, two, result("a", "string", "x")), want(), ErrUnexpected},
		"StepTwice":        {"a second end of a step must not hide the first", stream(t, false, one, two, two), want(), ErrUnexpected},
		"StepUnknown":      {"a stream of another task is not this one's", stream(t, false, one, two, step("step-three")), want(), ErrUnexpected},
		"InterruptedStepMissing": {"an interrupted sidecar knows its steps, too: what it does not speak of is not ended well",
			stream(t, true, one), want(), ErrUnexpected},
		"StepsUntold":   {"to forget the steps is no way around the check", whole(t), noSteps, ErrUnexpected},
		"StepsUntoldNo": {"even if the stream has none", stream(t, false), noSteps, ErrUnexpected},
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

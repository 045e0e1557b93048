package clierror

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCodeAndHints(t *testing.T) {
	plain := errors.New("no")
	for name, tc := range map[string]struct {
		reason string
		err    error
		code   Code
		hints  []string
	}{
		"Nil": {
			reason: "No error is success.",
			code:   Success,
		},
		"Plain": {
			reason: "An error that says nothing of a code is not a run's failure.",
			err:    plain,
			code:   Unusable,
		},
		"Hinted": {
			reason: "A hint leaves the code as it was.",
			err:    Hint(Quiet(RunFailed), "look"),
			code:   RunFailed,
			hints:  []string{"look"},
		},
		"Wrapped": {
			reason: "What wraps an Error has its code and hints.",
			err:    fmt.Errorf("x: %w", New("no", "a", "b")),
			code:   Unusable,
			hints:  []string{"a", "b"},
		},
		"Nested": {
			reason: "The outermost hint comes first.",
			err:    Hint(New("no", "inner"), "outer"),
			code:   Unusable,
			hints:  []string{"outer", "inner"},
		},
		"Zero": {
			reason: "An Error without a code is no success.",
			err:    &Error{Err: plain},
			code:   Unusable,
		},
		"Usage": {
			reason: "Who used a command wrongly is told where to read how.",
			err:    Usage("sluice list", "no"),
			code:   Unusable,
			hints:  []string{"sluice list --help"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := CodeOf(tc.err); got != tc.code {
				t.Errorf("%s CodeOf: got %d, want %d", tc.reason, got, tc.code)
			}
			if diff := cmp.Diff(tc.hints, HintsOf(tc.err)); diff != "" {
				t.Errorf("%s HintsOf (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestHintKeepsTheCause(t *testing.T) {
	if !errors.Is(Hint(context.Canceled, "x"), context.Canceled) {
		t.Error("a hint must not hide what went wrong")
	}
	if Hint(nil, "x") != nil {
		t.Error("a hint on nothing is nothing")
	}
}

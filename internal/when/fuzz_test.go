package when

import (
	"errors"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// FuzzHolds: every expression yields true, false or an *ExpressionError, the same each time; notin is the other way round
// than in.
func FuzzHolds(f *testing.F) {
	for _, text := range []string{
		"'foo' in ['foo', 'bar'] && 0.95 > 0.9", "'release/1.2'.matches('^main$')", "'a' ==", "1 + 1", "[1][2] == 1",
		"params.foo == 'a'", "[1,2].all(a, [3].exists(b, a < b))", "'x'.matches('(((((a*)*)*)*)*)*$')", "{'a': dyn(1)}.a == 1",
		"9223372036854775807 + 1 > 0", "timestamp('2026-01-01T00:00:00Z') < timestamp('9999-99-99')", "b'\\xff' == r'''\xff'''",
	} {
		f.Add(text, "a")
	}
	ev, err := NewEvaluator()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		held, err := ev.Holds([]v1.WhenExpression{expression(text)})
		if problem := (*ExpressionError)(nil); err != nil && (held || !errors.As(err, &problem) || problem.Problem == "") {
			t.Fatalf("%q gave %v, %v", text, held, err)
		}
		again, errAgain := ev.Holds([]v1.WhenExpression{expression(text)})
		if again != held || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q gave %v, %v, and then %v, %v", text, held, err, again, errAgain)
		}
		is, errIs := ev.Holds([]v1.WhenExpression{in(text, value)})
		isNot, errIsNot := ev.Holds([]v1.WhenExpression{notin(text, value)})
		if is != (text == value) || isNot == is || errIs != nil || errIsNot != nil {
			t.Fatalf("%q in %q gave %v, %v; notin %v, %v", text, value, is, errIs, isNot, errIsNot)
		}
	})
}

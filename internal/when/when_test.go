package when

import (
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func in(input string, values ...string) v1.WhenExpression {
	return v1.WhenExpression{Input: input, Operator: v1.WhenIn, Values: values}
}

func notin(input string, values ...string) v1.WhenExpression {
	return v1.WhenExpression{Input: input, Operator: v1.WhenNotIn, Values: values}
}

func expression(text string) v1.WhenExpression { return v1.WhenExpression{CEL: text} }

func TestHolds(t *testing.T) {
	cases := map[string]struct {
		reason      string
		expressions []v1.WhenExpression
		want        bool
		problem     string
	}{
		"None": {
			reason: "A task without a guard runs.",
			want:   true,
		},
		"In": {
			reason:      "The input is one of the values.",
			expressions: []v1.WhenExpression{in("b", "a", "b")},
			want:        true,
		},
		"NotAmong": {
			reason:      "Or it is none of them.",
			expressions: []v1.WhenExpression{in("c", "a", "b")},
		},
		"NotIn": {
			reason:      "notin is the other way round.",
			expressions: []v1.WhenExpression{notin("c", "a", "b")},
			want:        true,
		},
		"NotNotIn": {
			reason:      "It fails for a value that is listed.",
			expressions: []v1.WhenExpression{notin("a", "a")},
		},
		"NoValues": {
			reason:      "An array without elements has become no values at all: nothing is in it.",
			expressions: []v1.WhenExpression{in("a")},
		},
		"NoneToMeet": {
			reason:      "And everything is not in it.",
			expressions: []v1.WhenExpression{notin("a")},
			want:        true,
		},
		"EmptyInput": {
			reason:      "An empty input is a value like any other.",
			expressions: []v1.WhenExpression{in("", "")},
			want:        true,
		},
		"Exactly": {
			reason:      "Blanks and the case of letters count.",
			expressions: []v1.WhenExpression{in("yes\n", "yes")},
		},
		"All": {
			reason:      "All must hold.",
			expressions: []v1.WhenExpression{in("a", "a"), notin("a", "a")},
		},
		"CEL": {
			reason:      "An expression yields true.",
			expressions: []v1.WhenExpression{expression("'foo' in ['foo', 'bar'] && 0.95 > 0.9")},
			want:        true,
		},
		"CELFalse": {
			reason:      "Or false.",
			expressions: []v1.WhenExpression{expression("'release/1.2'.matches('^main$')")},
		},
		"Syntax": {
			reason:      "What is no expression is a problem that names its place.",
			expressions: []v1.WhenExpression{in("a", "a"), expression("'a' ==")},
			problem:     "when[1].cel: ERROR",
		},
		"Type": {
			reason:      "So is what yields something else.",
			expressions: []v1.WhenExpression{expression("1 + 1")},
			problem:     "a value of type int",
		},
		"Runtime": {
			reason:      "So is what fails while it is judged.",
			expressions: []v1.WhenExpression{expression("[1][2] == 1")},
			problem:     "index out of bounds",
		},
		"Variable": {
			reason:      "Variables are substituted before; CEL has none.",
			expressions: []v1.WhenExpression{expression("params.foo == 'a'")},
			problem:     "undeclared reference to 'params'",
		},
		"Shortcut": {
			reason:      "What follows one that does not hold is not judged.",
			expressions: []v1.WhenExpression{in("b", "a"), expression("'a' ==")},
		},
		"TooLong": {
			reason:      "A large value in an expression is named as such.",
			expressions: []v1.WhenExpression{expression("'" + strings.Repeat("x", MaxExpression) + "' == ''")},
			problem:     "it has 100008 characters, and the limit is 100000",
		},
		"TooCostly": {
			reason: "No expression can keep the controller busy.",
			expressions: []v1.WhenExpression{expression("[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, " +
				"[1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, a+b+c+d+e+f > 0))))))")},
			problem: "cost limit",
		},
	}
	ev, err := NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := ev.Holds(tc.expressions)
			if got != tc.want {
				t.Errorf("\n%s\nHolds: want %v, got %v (%v)", tc.reason, tc.want, got, err)
			}
			switch {
			case tc.problem == "" && err != nil:
				t.Errorf("\n%s\nHolds: %v", tc.reason, err)
			case tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem)):
				t.Errorf("\n%s\nHolds: want an error with %q, got %v", tc.reason, tc.problem, err)
			}
		})
	}
}

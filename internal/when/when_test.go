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
		"None":       {"A task without a guard runs.", nil, true, ""},
		"In":         {"The input is one of the values.", []v1.WhenExpression{in("b", "a", "b")}, true, ""},
		"NotAmong":   {"Or it is none of them.", []v1.WhenExpression{in("c", "a", "b")}, false, ""},
		"NotIn":      {"notin is the other way round.", []v1.WhenExpression{notin("c", "a", "b")}, true, ""},
		"NotNotIn":   {"It fails for a value that is listed.", []v1.WhenExpression{notin("a", "a")}, false, ""},
		"NoValues":   {"An array without elements has become no values at all: nothing is in it.", []v1.WhenExpression{in("a")}, false, ""},
		"NoneToMeet": {"And everything is not in it.", []v1.WhenExpression{notin("a")}, true, ""},
		"EmptyInput": {"An empty input is a value like any other.", []v1.WhenExpression{in("", "")}, true, ""},
		"Exactly":    {"Blanks and the case of letters count.", []v1.WhenExpression{in("yes\n", "yes")}, false, ""},
		"All":        {"All must hold.", []v1.WhenExpression{in("a", "a"), notin("a", "a")}, false, ""},
		"CEL":        {"An expression yields true.", []v1.WhenExpression{expression("'foo' in ['foo', 'bar'] && 0.95 > 0.9")}, true, ""},
		"CELFalse":   {"Or false.", []v1.WhenExpression{expression("'release/1.2'.matches('^main$')")}, false, ""},
		"Syntax":     {"What is no expression is a problem that names its place.", []v1.WhenExpression{in("a", "a"), expression("'a' ==")}, false, "when[1].cel: ERROR"},
		"Type":       {"So is what yields something else.", []v1.WhenExpression{expression("1 + 1")}, false, "a value of type int"},
		"Runtime":    {"So is what fails while it is judged.", []v1.WhenExpression{expression("[1][2] == 1")}, false, "index out of bounds"},
		"Variable":   {"Variables are substituted before; CEL has none.", []v1.WhenExpression{expression("params.foo == 'a'")}, false, "undeclared reference to 'params'"},
		"Shortcut":   {"What follows one that does not hold is not judged.", []v1.WhenExpression{in("b", "a"), expression("'a' ==")}, false, ""},
		"TooLong":    {"A large value in an expression is named as such.", []v1.WhenExpression{expression("'" + strings.Repeat("x", MaxExpression) + "' == ''")}, false, "it has 100008 characters, and the limit is 100000"},
		"TooCostly":  {"No expression can keep the controller busy.", []v1.WhenExpression{expression("[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, a+b+c+d+e+f > 0))))))")}, false, "cost limit"},
	}
	j, err := NewJudge()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := j.Holds(tc.expressions)
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

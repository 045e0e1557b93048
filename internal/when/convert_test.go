package when

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
	inpod "github.com/sluice-ci/sluice/internal/inpod/when"
	"github.com/sluice-ci/sluice/internal/results"
)

// token returns the token of a result in a test.
func token(i int) string { return fmt.Sprintf("ref-test-%08d", i) }

// convertedHolds converts an expression, passes it on as an argument of the entrypoint does, and evaluates it with results.
func convertedHolds(t rapid.TB, ev *Evaluator, dir, expression string, values []string) (bool, error) {
	t.Helper()
	var references []stepresult.Reference
	var tokens []string
	for i, value := range values {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token(i))
		references = append(references, stepresult.Reference{
			Token: token(i), Index: stepresult.NoIndex,
			File: results.File{Declared: results.Declared{Name: fmt.Sprint("r", i), Type: results.TypeString}, Path: path},
		})
	}
	converted, err := ev.Convert(expression, tokens)
	if err != nil {
		return false, err
	}
	argument, err := json.Marshal(inpod.Condition{Expression: &converted})
	if err != nil {
		t.Fatal(err)
	}
	condition, err := inpod.Parse(string(argument))
	if err != nil {
		t.Fatal(err)
	}
	return condition.Holds(stepresult.NewExpander(references, 1<<20))
}

// drawn draws expressions. A "#" and a number stand for a result.
type drawn struct{ t *rapid.T }

func (d drawn) pick(from ...string) string { return rapid.SampledFrom(from).Draw(d.t, "pick") }

func (d drawn) text(depth int) string {
	if depth > 0 && rapid.IntRange(0, 3).Draw(d.t, "join") == 0 {
		return "(" + d.text(depth-1) + " + " + d.text(depth-1) + ")"
	}
	if depth > 0 && rapid.IntRange(0, 5).Draw(d.t, "choose") == 0 {
		return "(" + d.truth(depth-1) + " ? " + d.text(depth-1) + " : " + d.text(depth-1) + ")"
	}
	inside := d.pick("", "a", "b", "a b", `\'`, "é", "#0", "#1", "#2", "x#0y", "#1#1")
	return quote(d.pick("'", `"`, "'''"), inside)
}

func quote(mark, inside string) string { return mark + inside + mark }

func (d drawn) number(depth int) string {
	if depth > 0 && rapid.Bool().Draw(d.t, "size") {
		return "size(" + d.text(depth-1) + ")"
	}
	return d.pick("0", "1", "-1", "3", "9223372036854775807")
}

func (d drawn) list() string {
	elements := make([]string, rapid.IntRange(0, 3).Draw(d.t, "elements"))
	for i := range elements {
		elements[i] = quote("'", d.pick("a", "b", "#0", "#1", "x#2"))
	}
	return "[" + strings.Join(elements, ", ") + "]"
}

func (d drawn) truth(depth int) string {
	if depth == 0 {
		return d.pick("true", "false", "('#0' == 'a')", "('#1' != '#0')")
	}
	switch rapid.IntRange(0, 8).Draw(d.t, "truth") {
	case 0:
		return "(" + d.truth(depth-1) + d.pick(" && ", " || ", " == ", " != ") + d.truth(depth-1) + ")"
	case 1:
		return "!(" + d.truth(depth-1) + ")"
	case 2:
		return "(" + d.truth(depth-1) + " ? " + d.truth(depth-1) + " : " + d.truth(depth-1) + ")"
	case 3:
		return "(" + d.text(depth-1) + d.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + d.text(depth-1) + ")"
	case 4:
		return "(" + d.number(depth-1) + d.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + d.number(depth-1) + ")"
	case 5:
		return "(" + d.text(depth-1) + " in " + d.list() + ")"
	case 6:
		return d.text(depth-1) + "." + d.pick("contains", "startsWith", "endsWith") + "(" + d.text(depth-1) + ")"
	case 7:
		return d.text(depth-1) + ".matches(" + d.pick("'^a'", "'b+$'", "''", `'^[a-z ]*$'`) + ")"
	default:
		return "(" + d.list() + d.pick(" == ", " != ") + d.list() + ")"
	}
}

// replaced puts texts in the place of results.
func replaced(expression string, with func(i int) string) string {
	for i := range 3 {
		expression = strings.ReplaceAll(expression, fmt.Sprint("#", i), with(i))
	}
	return expression
}

// escaped is a value as it can stand in each kind of quotes.
func escaped(value string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(value)
}

// TestConvertedIsCEL: an expression with results, evaluated in the pod, has the outcome that CEL gives to the same expression with
// the values as constants. So no value can be read as a part of the expression.
func TestConvertedIsCEL(t *testing.T) {
	ev, err := NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		values := make([]string, 3)
		for i := range values {
			values[i] = rapid.OneOf(
				rapid.SampledFrom([]string{"a", "b", "", "a' == 'a' || '", `") || ("`, "\\", "true", token(0), "$(params.x)"}),
				rapid.StringOf(rapid.SampledFrom([]rune("ab'\"\\\n\r é#|&=()"))),
			).Draw(t, "value")
		}
		expression := drawn{t: t}.truth(4)
		want, err := ev.Holds([]v1.WhenExpression{{CEL: replaced(expression, func(i int) string { return escaped(values[i]) })}})
		if err != nil {
			t.Fatalf("cannot set up %s: %v", expression, err)
		}
		got, err := convertedHolds(t, ev, dir, replaced(expression, token), values)
		if err != nil || got != want {
			t.Errorf("%s with %q: want %t, got %t, %v", expression, values, want, got, err)
		}
	})
}

// TestConvertRefuses: what has no form for the pod is refused, and the message says what can be used.
func TestConvertRefuses(t *testing.T) {
	ev, err := NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct{ expression, want string }{
		"Syntax":       {expression: "'ref-test-00000000' ==", want: "Syntax error"},
		"Types":        {expression: "'ref-test-00000000' == 1", want: "no matching overload"},
		"NoTruth":      {expression: "'ref-test-00000000'", want: "it does not return true or false"},
		"Macro":        {expression: "['ref-test-00000000'].all(x, x == 'a')", want: "a part of the expression is not supported here"},
		"Conversion":   {expression: "int('ref-test-00000000') > 1", want: `function "int" is not supported here`},
		"Arithmetic":   {expression: "size('ref-test-00000000') * 2 > 1", want: `function "_*_" is not supported here`},
		"Sum":          {expression: "size('ref-test-00000000') + 2 > 1", want: `function "_+_" with such arguments is not supported here`},
		"Double":       {expression: "size('ref-test-00000000') > 0 || 1.5 > 1.0", want: "a value of type float64 is not supported here"},
		"Pattern":      {expression: "'a'.matches('ref-test-00000000')", want: "matches with a pattern that is not constant"},
		"WrongPattern": {expression: "'ref-test-00000000'.matches('(')", want: "matches with a pattern that is not constant, or not a pattern"},
		"Deep": {
			expression: strings.Repeat("'a' + ", 150) + "'ref-test-00000000' == 'a'",
			want:       "nesting of more than 100 operators is not supported here",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := convertedHolds(t, ev, t.TempDir(), tc.expression, []string{"a"})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("want %q, got %v", tc.want, err)
			}
		})
	}
}

// TestMissingResultOfAnExpression: a result that does not exist is an error, also in a part of the expression that does not count.
func TestMissingResultOfAnExpression(t *testing.T) {
	ev, err := NewEvaluator()
	if err != nil {
		t.Fatal(err)
	}
	converted, err := ev.Convert("true || 'ref-test-00000000' == 'a'", []string{token(0)})
	if err != nil {
		t.Fatal(err)
	}
	gone := results.File{Declared: results.Declared{Name: "gone", Type: results.TypeString}, Path: filepath.Join(t.TempDir(), "gone")}
	expander := stepresult.NewExpander([]stepresult.Reference{{Token: token(0), File: gone, Index: stepresult.NoIndex}}, 100)
	if _, err := (inpod.Condition{Expression: &converted}).Holds(expander); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("want the result named, got %v", err)
	}
}

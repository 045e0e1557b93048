// Package when evaluates the when expressions of a pipeline task. Variables in them are already substituted.
package when

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/truncate"
)

const (
	// MaxExpression is the maximum length of a CEL expression with its values, in characters.
	MaxExpression = 100_000
	// MaxStructure is the maximum number of these characters outside of strings. To compile this many takes some hundredths
	// of a second and about 15 MB; 100,000 would take half a second and 160 MB.
	MaxStructure = 8 << 10
	// maxProblem is the maximum length of a problem in bytes. CEL repeats the expression for each error.
	maxProblem = 1024
	// costLimit is the maximum cost of one expression in the units of CEL: some milliseconds.
	costLimit = 1_000_000
)

// Evaluator evaluates expressions. It is safe for concurrent use.
type Evaluator struct {
	env        *cel.Env
	remembered memory
}

// NewEvaluator returns an Evaluator. An error is a bug in the program, not in an expression.
func NewEvaluator() (*Evaluator, error) {
	env, err := cel.NewEnv(cel.ParserExpressionSizeLimit(MaxExpression))
	if err != nil {
		return nil, fmt.Errorf("cannot set up CEL: %w", err)
	}
	return &Evaluator{env: env}, nil
}

// ExpressionError is a CEL expression that returns neither true nor false.
type ExpressionError struct {
	// Index is the index of the expression in its list.
	Index int
	// Problem describes the error.
	Problem string
}

func (e *ExpressionError) Error() string {
	return fmt.Sprintf("cannot evaluate when[%d].cel: %s", e.Index, e.Problem)
}

// Holds reports whether all expressions are true; it is true without expressions. The error is an *ExpressionError of the
// first expression that has one, unless an earlier expression is false.
func (e *Evaluator) Holds(expressions []v1.WhenExpression) (bool, error) {
	for i := range expressions {
		holds, err := e.holds(i, &expressions[i])
		if err != nil || !holds {
			return false, err
		}
	}
	return true, nil
}

func (e *Evaluator) holds(i int, w *v1.WhenExpression) (bool, error) {
	if w.CEL != "" {
		return e.evaluate(i, w.CEL)
	}
	return slices.Contains(w.Values, w.Input) == (w.Operator == v1.WhenIn), nil
}

// evaluate compiles and runs an expression, or returns its remembered outcome: the expression has no variables, so its text
// determines the outcome.
func (e *Evaluator) evaluate(i int, expression string) (bool, error) {
	v, known := e.remembered.get(expression)
	if !known {
		v = e.answer(expression)
		e.remembered.put(expression, v)
	}
	if v.problem != "" {
		return false, &ExpressionError{Index: i, Problem: v.problem}
	}
	return v.holds, nil
}

// answer is the outcome of an expression.
type answer struct {
	holds   bool
	problem string
}

func (e *Evaluator) answer(expression string) answer {
	compiled, problem := e.compiled(expression)
	if problem != "" {
		return answer{problem: problem}
	}
	refused := func(format string, a ...any) answer { return answer{problem: clipped(fmt.Sprintf(format, a...))} }
	program, err := e.env.Program(compiled, cel.CostLimit(costLimit))
	if err != nil {
		return refused("%v", err)
	}
	value, _, err := program.Eval(cel.NoVars())
	if err != nil {
		return refused("%v", err)
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return refused("it returns a value of type %s, and must return true or false", value.Type().TypeName())
	}
	return answer{holds: holds}
}

// clipped shortens a problem that is too long.
func clipped(problem string) string {
	return truncate.Text(problem, maxProblem)
}

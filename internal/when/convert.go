package when

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	inpod "github.com/sluice-ci/sluice/internal/inpod/when"
)

// converting is what Convert supports, for messages.
const converting = "with results of steps, an expression can have strings, lists of strings, integers, true, false, ==, !=, <, <=, " +
	">, >=, in, &&, ||, !, ?:, + of strings, size, contains, startsWith, endsWith, and matches with a constant pattern; use these, " +
	"or input, operator and values"

// Convert parses and checks a CEL expression, and returns it in the form that the entrypoint of a step evaluates. The tokens, which
// stand for results of earlier steps, are in its strings; the entrypoint replaces them after everything is parsed, so no result
// can change the expression. The error is an *ExpressionError.
func (e *Evaluator) Convert(expression string, tokens []string) (inpod.Expression, error) {
	checked, problem := e.compiled(expression)
	if problem != "" {
		return inpod.Expression{}, &ExpressionError{Problem: problem}
	}
	c := converter{tokens: tokens}
	converted, kind := c.convert(checked.NativeRep().Expr(), 0)
	switch {
	case c.problem != "":
		return inpod.Expression{}, &ExpressionError{Problem: clipped(c.problem)}
	case kind != kindTruth:
		return inpod.Expression{}, &ExpressionError{Problem: "it does not return true or false"}
	}
	return converted, nil
}

// compiled checks the size of an expression and compiles it.
func (e *Evaluator) compiled(expression string) (compiled *cel.Ast, problem string) {
	if n := utf8.RuneCountInString(expression); n > MaxExpression {
		return nil, fmt.Sprintf("with its values it has %d characters, and the limit is %d; compare large values with input, operator "+
			"and values", n, MaxExpression)
	}
	switch n, closed := structure(expression); {
	case n > MaxStructure:
		return nil, fmt.Sprintf("outside of its strings it has %d characters or more, and the limit is %d; split it, or use input, "+
			"operator and values", n, MaxStructure)
	case !closed && len(expression) > MaxStructure:
		return nil, "a string in it has no closing quote, or has an unknown escape"
	}
	compiled, issues := e.env.Compile(expression)
	if err := issues.Err(); err != nil {
		return nil, clipped(err.Error())
	}
	return compiled, ""
}

// kind is the type of a converted expression.
type kind int

const (
	kindNone kind = iota
	kindText
	kindList
	kindNumber
	kindTruth
)

// converter converts the parts of an expression until there is a problem.
type converter struct {
	tokens  []string
	problem string
}

func (c *converter) refuse(what string) (inpod.Expression, kind) {
	if c.problem == "" {
		c.problem = what + " is not supported here: " + converting
	}
	return inpod.Expression{}, kindNone
}

func (c *converter) convert(x ast.Expr, depth int) (inpod.Expression, kind) {
	if depth > inpod.MaxDepth {
		return c.refuse(fmt.Sprintf("nesting of more than %d operators", inpod.MaxDepth))
	}
	switch x.Kind() {
	case ast.LiteralKind:
		return c.literal(x.AsLiteral().Value())
	case ast.ListKind:
		return c.list(x.AsList())
	case ast.CallKind:
		return c.call(x.AsCall(), depth)
	case ast.UnspecifiedExprKind, ast.ComprehensionKind, ast.IdentKind, ast.MapKind, ast.SelectKind, ast.StructKind:
	}
	return c.refuse("a part of the expression")
}

func (c *converter) literal(value any) (inpod.Expression, kind) {
	switch value := value.(type) {
	case string:
		return inpod.Expression{Op: inpod.OpText, Texts: []string{value}}, kindText
	case int64:
		return inpod.Expression{Op: inpod.OpNumber, Number: value}, kindNumber
	case bool:
		if value {
			return inpod.Expression{Op: inpod.OpTrue}, kindTruth
		}
		return inpod.Expression{Op: inpod.OpFalse}, kindTruth
	}
	return c.refuse(fmt.Sprintf("a value of type %T", value))
}

func (c *converter) list(list ast.ListExpr) (inpod.Expression, kind) {
	texts := make([]string, 0, list.Size())
	for _, element := range list.Elements() {
		if element.Kind() != ast.LiteralKind {
			return c.refuse("an element of a list that is no string")
		}
		text, ok := element.AsLiteral().Value().(string)
		if !ok {
			return c.refuse("an element of a list that is no string")
		}
		texts = append(texts, text)
	}
	return inpod.Expression{Op: inpod.OpList, Texts: texts}, kindList
}

// operation is what a function of CEL becomes. With swap, its arguments change places.
type operation struct {
	op   string
	swap bool
	// takes reports whether the operation takes arguments of these kinds, and returns its own kind.
	takes func(args []kind) (kind, bool)
}

// same accepts two arguments of one of the kinds. The result is a truth value.
func same(kinds ...kind) func([]kind) (kind, bool) {
	return func(args []kind) (kind, bool) {
		return kindTruth, len(args) == 2 && args[0] == args[1] && slices.Contains(kinds, args[0])
	}
}

func exactly(returns kind, kinds ...kind) func([]kind) (kind, bool) {
	return func(args []kind) (kind, bool) { return returns, slices.Equal(args, kinds) }
}

// operationOf returns what becomes of a function of CEL; ok is false for one that is not supported.
func operationOf(function string) (operation, bool) {
	order := same(kindText, kindNumber)
	found, ok := map[string]operation{
		operators.LogicalAnd: {op: inpod.OpAnd, takes: same(kindTruth)},
		operators.LogicalOr:  {op: inpod.OpOr, takes: same(kindTruth)},
		operators.LogicalNot: {op: inpod.OpNot, takes: exactly(kindTruth, kindTruth)},
		operators.Conditional: {op: inpod.OpChoice, takes: func(args []kind) (kind, bool) {
			return args[len(args)-1], len(args) == 3 && args[0] == kindTruth && args[1] == args[2]
		}},
		operators.Equals:        {op: inpod.OpEqual, takes: same(kindText, kindList, kindNumber, kindTruth)},
		operators.NotEquals:     {op: inpod.OpUnequal, takes: same(kindText, kindList, kindNumber, kindTruth)},
		operators.Less:          {op: inpod.OpLess, takes: order},
		operators.LessEquals:    {op: inpod.OpAtMost, takes: order},
		operators.Greater:       {op: inpod.OpLess, swap: true, takes: order},
		operators.GreaterEquals: {op: inpod.OpAtMost, swap: true, takes: order},
		operators.In:            {op: inpod.OpIn, takes: exactly(kindTruth, kindText, kindList)},
		operators.Add:           {op: inpod.OpJoin, takes: exactly(kindText, kindText, kindText)},
		"contains":              {op: inpod.OpContains, takes: exactly(kindTruth, kindText, kindText)},
		"startsWith":            {op: inpod.OpBegins, takes: exactly(kindTruth, kindText, kindText)},
		"endsWith":              {op: inpod.OpEnds, takes: exactly(kindTruth, kindText, kindText)},
		"matches":               {op: inpod.OpMatches, takes: exactly(kindTruth, kindText, kindText)},
		"size": {op: inpod.OpSize, takes: func(args []kind) (kind, bool) {
			return kindNumber, len(args) == 1 && (args[0] == kindText || args[0] == kindList)
		}},
	}[function]
	return found, ok
}

func (c *converter) call(call ast.CallExpr, depth int) (inpod.Expression, kind) {
	function := call.FunctionName()
	if function == operators.Negate {
		return c.negative(call.Args())
	}
	operation, ok := operationOf(function)
	if !ok {
		return c.refuse(fmt.Sprintf("function %q", function))
	}
	args := call.Args()
	if call.IsMemberFunction() {
		args = slices.Concat([]ast.Expr{call.Target()}, args)
	}
	out := inpod.Expression{Op: operation.op}
	kinds := make([]kind, 0, len(args))
	for _, arg := range args {
		converted, kind := c.convert(arg, depth+1)
		if c.problem != "" {
			return inpod.Expression{}, kindNone
		}
		out.Args, kinds = append(out.Args, converted), append(kinds, kind)
	}
	returns, ok := operation.takes(kinds)
	if !ok {
		return c.refuse(fmt.Sprintf("function %q with such arguments", function))
	}
	if out.Op == inpod.OpMatches && !c.constant(out.Args[1]) {
		return c.refuse("matches with a pattern that is not constant, or not a pattern")
	}
	if operation.swap {
		slices.Reverse(out.Args)
	}
	return out, returns
}

// negative returns a negative number.
func (c *converter) negative(args []ast.Expr) (inpod.Expression, kind) {
	if len(args) == 1 {
		if x, kind := c.convert(args[0], 0); kind == kindNumber && x.Op == inpod.OpNumber && x.Number != math.MinInt64 {
			x.Number = -x.Number
			return x, kindNumber
		}
	}
	return c.refuse("the negative of anything but a number")
}

// constant reports whether a text is a valid pattern without tokens. A result must not be read as a pattern.
func (c *converter) constant(x inpod.Expression) bool {
	if x.Op != inpod.OpText || slices.ContainsFunc(c.tokens, func(token string) bool { return strings.Contains(x.Texts[0], token) }) {
		return false
	}
	_, err := regexp.Compile(x.Texts[0])
	return err == nil
}

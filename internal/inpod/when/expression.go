package when

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Operations of an Expression. Texts, lists, numbers and constants are values; the other ones have arguments.
const (
	OpText   = "text"
	OpList   = "list"
	OpNumber = "number"
	OpTrue   = "true"
	OpFalse  = "false"

	OpAnd      = "&&"
	OpOr       = "||"
	OpNot      = "!"
	OpChoice   = "?:"
	OpEqual    = "=="
	OpUnequal  = "!="
	OpLess     = "<"
	OpAtMost   = "<="
	OpIn       = "in"
	OpJoin     = "+"
	OpContains = "contains"
	OpBegins   = "startsWith"
	OpEnds     = "endsWith"
	OpMatches  = "matches"
	OpSize     = "size"
)

// MaxDepth is how deep the arguments of an Expression can be nested.
const MaxDepth = 100

// Expression is an expression of CEL in a form that needs no parser. The controller parses and checks the expression of the
// user and converts it. Tokens stand in texts only, and are replaced after that, so a result is always data. The types of the
// arguments are those that CEL requires; they are checked again.
type Expression struct {
	// Op is an operation.
	Op string `json:"op"`
	// Texts has one text, or the texts of a list.
	Texts []string `json:"texts,omitempty"`
	// Number is a number.
	Number int64 `json:"number,omitempty"`
	// Args are the arguments.
	Args []Expression `json:"args,omitempty"`
}

// errForm means that an Expression is none that the controller makes.
var errForm = errors.New("cannot evaluate the expression: it does not have the form that the controller gives it")

// holds reports whether the expression is true, with its tokens replaced by results of earlier steps. All tokens are replaced
// first, also those in a part that does not count, so that a missing result is always an error.
func (x Expression) holds(e Expander) (bool, error) {
	expanded, err := x.expanded(e, 0)
	if err != nil {
		return false, err
	}
	value, err := expanded.value()
	if err != nil {
		return false, err
	}
	truth, ok := value.(bool)
	if !ok {
		return false, errForm
	}
	return truth, nil
}

func (x Expression) expanded(e Expander, depth int) (Expression, error) {
	if depth > MaxDepth {
		return Expression{}, errForm
	}
	var err error
	switch x.Op {
	case OpText:
		if len(x.Texts) != 1 {
			return Expression{}, errForm
		}
		var text string
		text, err = e.Text(x.Texts[0])
		x.Texts = []string{text}
	case OpList:
		x.Texts, err = e.List(x.Texts)
	}
	if err != nil {
		return Expression{}, err
	}
	args := slices.Clone(x.Args)
	for i := range args {
		if args[i], err = args[i].expanded(e, depth+1); err != nil {
			return Expression{}, err
		}
	}
	x.Args = args
	return x, nil
}

// value returns a string, a []string, an int64 or a bool.
func (x Expression) value() (any, error) {
	switch x.Op {
	case OpText:
		return x.Texts[0], nil
	case OpList:
		return x.Texts, nil
	case OpNumber:
		return x.Number, nil
	case OpTrue, OpFalse:
		return x.Op == OpTrue, nil
	case OpAnd, OpOr, OpNot, OpChoice:
		return x.logical()
	}
	args := make([]any, len(x.Args))
	for i := range x.Args {
		var err error
		if args[i], err = x.Args[i].value(); err != nil {
			return nil, err
		}
	}
	switch {
	case len(args) == 1 && x.Op == OpSize:
		return size(args[0])
	case len(args) != 2:
		return nil, errForm
	}
	return binary(x.Op, args[0], args[1])
}

// logical evaluates an operation whose arguments are true or false.
func (x Expression) logical() (any, error) {
	truths := make([]bool, 0, len(x.Args))
	for i := range x.Args {
		if x.Op == OpChoice && i > 0 {
			break // its other arguments have any type
		}
		value, err := x.Args[i].value()
		if err != nil {
			return nil, err
		}
		truth, ok := value.(bool)
		if !ok {
			return nil, errForm
		}
		truths = append(truths, truth)
	}
	switch {
	case x.Op == OpAnd && len(truths) == 2:
		return truths[0] && truths[1], nil
	case x.Op == OpOr && len(truths) == 2:
		return truths[0] || truths[1], nil
	case x.Op == OpNot && len(truths) == 1:
		return !truths[0], nil
	case x.Op == OpChoice && len(x.Args) == 3:
		if truths[0] {
			return x.Args[1].value()
		}
		return x.Args[2].value()
	}
	return nil, errForm
}

// size returns the number of characters of a text, or of elements of a list.
func size(value any) (any, error) {
	switch value := value.(type) {
	case string:
		return int64(utf8.RuneCountInString(value)), nil
	case []string:
		return int64(len(value)), nil
	}
	return nil, errForm
}

func binary(op string, a, b any) (any, error) {
	switch op {
	case OpEqual, OpUnequal:
		equal, err := equal(a, b)
		return equal == (op == OpEqual), err
	case OpLess, OpAtMost:
		return ordered(op, a, b)
	case OpIn:
		text, isText := a.(string)
		list, isList := b.([]string)
		if !isText || !isList {
			return nil, errForm
		}
		return slices.Contains(list, text), nil
	}
	text, ok := a.(string)
	other, also := b.(string)
	if !ok || !also {
		return nil, errForm
	}
	switch op {
	case OpJoin:
		return text + other, nil
	case OpContains:
		return strings.Contains(text, other), nil
	case OpBegins:
		return strings.HasPrefix(text, other), nil
	case OpEnds:
		return strings.HasSuffix(text, other), nil
	case OpMatches:
		pattern, err := regexp.Compile(other)
		if err != nil {
			return nil, fmt.Errorf("cannot evaluate matches: %w", err)
		}
		return pattern.MatchString(text), nil
	}
	return nil, errForm
}

func equal(a, b any) (bool, error) {
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return a == b, form(ok)
	case int64:
		b, ok := b.(int64)
		return a == b, form(ok)
	case bool:
		b, ok := b.(bool)
		return a == b, form(ok)
	case []string:
		b, ok := b.([]string)
		return slices.Equal(a, b), form(ok)
	}
	return false, errForm
}

func ordered(op string, a, b any) (any, error) {
	var order int
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		if !ok {
			return nil, errForm
		}
		order = strings.Compare(a, b)
	case int64:
		b, ok := b.(int64)
		if !ok {
			return nil, errForm
		}
		switch {
		case a < b:
			order = -1
		case a > b:
			order = 1
		}
	default:
		return nil, errForm
	}
	return order < 0 || op == OpAtMost && order == 0, nil
}

func form(ok bool) error {
	if !ok {
		return errForm
	}
	return nil
}

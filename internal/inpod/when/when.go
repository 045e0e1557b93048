// Package when evaluates the when expressions of a step. They compare a text with others, all of which may contain results of
// earlier steps.
package when

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// The operators of a Condition.
const (
	In    = "in"
	NotIn = "notin"
)

// Condition is a when expression of a step. In the arguments of a container it is JSON.
type Condition struct {
	// Input is compared with the values.
	Input string `json:"input"`
	// Operator is In or NotIn.
	Operator string `json:"operator"`
	// Values are texts. One that is only the token of a whole array becomes the elements of the array.
	Values []string `json:"values"`
	// Expression replaces the other fields; nil for a condition that has them.
	Expression *Expression `json:"expression,omitempty"`
}

// Expander replaces tokens by results of earlier steps. The error names the result that cannot be used.
type Expander interface {
	// Text returns a text with its tokens replaced.
	Text(text string) (string, error)
	// List does that for each text. One that is only the token of a whole array becomes the elements of the array.
	List(list []string) ([]string, error)
}

// Parse parses a Condition in JSON.
func Parse(text string) (Condition, error) {
	var c Condition
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return Condition{}, fmt.Errorf("cannot parse condition: %w", err)
	}
	if c.Expression != nil && c.Operator == "" && c.Input == "" && len(c.Values) == 0 {
		return c, nil
	}
	if c.Expression != nil {
		return Condition{}, errors.New("cannot parse condition: it has an expression and an operator")
	}
	if c.Operator != In && c.Operator != NotIn {
		return Condition{}, fmt.Errorf("cannot parse condition: operator %q is neither %s nor %s", c.Operator, In, NotIn)
	}
	return c, nil
}

// Holds reports whether the expression is true, with its tokens replaced by results of earlier steps.
func (c Condition) Holds(e Expander) (bool, error) {
	if c.Expression != nil {
		return c.Expression.holds(e)
	}
	input, err := e.Text(c.Input)
	if err != nil {
		return false, err
	}
	values, err := e.List(c.Values)
	if err != nil {
		return false, err
	}
	return slices.Contains(values, input) == (c.Operator == In), nil
}

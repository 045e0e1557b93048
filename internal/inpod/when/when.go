// Package when decides whether a step is needed: by expressions that compare a text with others, all of which may have
// results of earlier steps in them.
package when

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/inpod/stepresult"
)

// The operators of a Condition.
const (
	In    = "in"
	NotIn = "notin"
)

// Condition is an expression that guards a step. Its text, JSON, is how it travels in the arguments of a container.
type Condition struct {
	// Input is compared with the values.
	Input string `json:"input"`
	// Operator is In or NotIn.
	Operator string `json:"operator"`
	// Values are texts. One that is nothing but the token of a whole array becomes its elements.
	Values []string `json:"values"`
}

// Parse returns the Condition that JSON stands for.
func Parse(text string) (Condition, error) {
	var c Condition
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return Condition{}, fmt.Errorf("cannot parse condition: %w", err)
	}
	if c.Operator != In && c.Operator != NotIn {
		return Condition{}, fmt.Errorf("cannot parse condition: operator %q is neither %s nor %s", c.Operator, In, NotIn)
	}
	return c, nil
}

// Holds says whether the expression holds, with results of earlier steps in the place of their tokens.
func (c Condition) Holds(e *stepresult.Expander) (bool, error) {
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

package entrypoint

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/entrypoint/reference"
)

// The operators of a Condition.
const (
	operatorIn    = "in"
	operatorNotIn = "notin"
)

// Condition is an expression that guards a step. Its text is JSON.
type Condition struct {
	// Input is compared with the values.
	Input string `json:"input"`
	// Operator is in or notin.
	Operator string `json:"operator"`
	// Values are texts. One that is nothing but the token of a whole array becomes its elements.
	Values []string `json:"values"`
}

// ParseCondition returns the Condition that JSON stands for.
func ParseCondition(text string) (Condition, error) {
	var c Condition
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return Condition{}, fmt.Errorf("cannot parse condition: %w", err)
	}
	if c.Operator != operatorIn && c.Operator != operatorNotIn {
		return Condition{}, fmt.Errorf("cannot parse condition: operator %q is neither %s nor %s", c.Operator, operatorIn, operatorNotIn)
	}
	return c, nil
}

// holds says whether the expression holds, with results of earlier steps in the place of their tokens.
func (c Condition) holds(e *reference.Expander) (bool, error) {
	input, err := e.Text(c.Input)
	if err != nil {
		return false, err
	}
	values, err := e.List(c.Values)
	if err != nil {
		return false, err
	}
	return slices.Contains(values, input) == (c.Operator == operatorIn), nil
}

// needed says whether all expressions hold, and else which one does not.
func (o Options) needed(e *reference.Expander) (bool, string, error) {
	for i, c := range o.Conditions {
		holds, err := c.holds(e)
		if err != nil {
			return false, "", cannotStart(exitNotExecutable, "cannot evaluate when[%d]: %w", i, err)
		}
		if !holds {
			return false, fmt.Sprintf("when[%d] does not hold", i), nil
		}
	}
	return true, "", nil
}

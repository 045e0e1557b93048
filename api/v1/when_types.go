package v1

// WhenOperator compares the input of a when expression with its values.
//
// +kubebuilder:validation:Enum=in;notin
type WhenOperator string

const (
	// WhenIn is true if the input is one of the values.
	WhenIn WhenOperator = "in"
	// WhenNotIn is true if the input is none of the values.
	WhenNotIn WhenOperator = "notin"
)

// WhenOperators lists the valid operators, in the order in which messages name them.
func WhenOperators() []WhenOperator { return []WhenOperator{WhenIn, WhenNotIn} }

// WhenExpression is a condition of a task of a pipeline, or of a step. It has either input, operator and values, or
// cel.
type WhenExpression struct {
	// Input to compare, usually a variable.
	// +optional
	Input string `json:"input,omitempty"`
	// Operator: in or notin.
	// +optional
	Operator WhenOperator `json:"operator,omitempty"`
	// Values to compare the input with. An element that consists of a whole array, $(params.<array>[*]), is replaced
	// with the elements of the array.
	// +optional
	// +listType=atomic
	Values []string `json:"values,omitempty"`
	// CEL is an expression in the Common Expression Language that yields true or false. Variables are substituted
	// before it is evaluated.
	// +optional
	CEL string `json:"cel,omitempty"`
}

package v1

// WhenOperator compares the input of a when expression with its values.
//
// +kubebuilder:validation:Enum=in;notin
type WhenOperator string

const (
	// WhenIn holds when the input is one of the values.
	WhenIn WhenOperator = "in"
	// WhenNotIn holds when the input is none of the values.
	WhenNotIn WhenOperator = "notin"
)

// WhenOperators lists the valid operators, in the order in which messages name them.
func WhenOperators() []WhenOperator { return []WhenOperator{WhenIn, WhenNotIn} }

// WhenExpression guards a task of a pipeline, or a step: either input, operator and values, or cel.
//
// +kubebuilder:validation:XValidation:rule="has(self.cel) ? !has(self.input) && !has(self.operator) && !has(self.values) : has(self.operator) && has(self.values)",message="give either cel, or input with operator and values"
type WhenExpression struct {
	// Input to compare, usually a variable.
	// +optional
	Input string `json:"input,omitempty"`
	// Operator: in or notin.
	// +optional
	Operator WhenOperator `json:"operator,omitempty"`
	// Values to compare the input with. An element that is nothing but a whole array, $(params.<array>[*]), becomes its
	// elements.
	// +optional
	// +listType=atomic
	Values []string `json:"values,omitempty"`
	// CEL is an expression in the Common Expression Language that yields true or false. Variables are substituted in it
	// first.
	// +optional
	CEL string `json:"cel,omitempty"`
}

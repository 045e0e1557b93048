package main

import "math"

// quantity is what resource.ParseQuantity decodes: the generated pattern also admits a fraction in the exponent
// ("1e1.5"), which does not decode, and exponents of any length ("1e2147483648"), which take for ever to.
const quantity = `^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$`

// narrow walks a schema and narrows every value that is a number or a string: with a pattern it is a quantity, without
// one an IntOrString, whose number has 32 bits.
func narrow(node any) {
	switch n := node.(type) {
	case map[string]any:
		if numberOrString, _ := n["x-kubernetes-int-or-string"].(bool); numberOrString {
			if _, isQuantity := n["pattern"]; isQuantity {
				n["pattern"] = quantity
				n["maxLength"] = int64(64)
			} else {
				n["minimum"] = int64(math.MinInt32)
				n["maximum"] = int64(math.MaxInt32)
			}
		}
		for _, child := range n {
			narrow(child)
		}
	case []any:
		for _, child := range n {
			narrow(child)
		}
	}
}

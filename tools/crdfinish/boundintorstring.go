package main

import "math"

// quantity matches what resource.ParseQuantity decodes. The generated pattern also admits a fraction in the exponent
// ("1e1.5"), which does not decode, and exponents of any length ("1e2147483648"), which take practically forever to decode.
const quantity = `^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$`

// boundIntOrString changes schemas that admit values which their Kubernetes type cannot decode. The API server would store such an
// object, and every client that watches its kind would then fail. A value that is a number or a string is a quantity if it
// has a pattern, or else an IntOrString, whose number has 32 bits.
func boundIntOrString(schema map[string]any) {
	if numberOrString, _ := schema["x-kubernetes-int-or-string"].(bool); !numberOrString {
		return
	}
	if _, isQuantity := schema["pattern"]; isQuantity {
		schema["pattern"] = quantity
		schema["maxLength"] = int64(64)
		return
	}
	schema["minimum"] = int64(math.MinInt32)
	schema["maximum"] = int64(math.MaxInt32)
}

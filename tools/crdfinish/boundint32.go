package main

import "math"

// boundInt32 gives integers with the format int32 the bounds of that type. API servers before Kubernetes 1.36 ignore the format, so they
// would store an object that does not decode, and every client that watches its kind would then fail. Narrower bounds stay.
func boundInt32(schema map[string]any) {
	if schema["type"] != "integer" || schema["format"] != "int32" {
		return
	}
	for key, bound := range map[string]int64{"minimum": math.MinInt32, "maximum": math.MaxInt32} {
		if _, has := schema[key]; !has {
			schema[key] = bound
		}
	}
}

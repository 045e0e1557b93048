// Package annotations says which annotations an object passes on, and which only other programs set.
package annotations

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// spare is how many bytes of the annotations that an object may have are left to the controller's own ones.
const spare = 4 << 10

// Inherited returns those annotations that an object passes on to what is made from it: not kubectl's copy of the object, not
// what only the controller or Chains sets, and not what keeps its own fields of an earlier version.
func Inherited(all map[string]string) map[string]string {
	out := make(map[string]string, len(all))
	own := slices.Concat(v1.ControllerAnnotations(), v1.ConversionAnnotations())
	for key, value := range all {
		if key != corev1.LastAppliedConfigAnnotation && !Reserved(key) && !slices.Contains(own, key) {
			out[key] = value
		}
	}
	return out
}

// Reserved reports whether only Chains sets an annotation.
func Reserved(key string) bool { return strings.HasPrefix(key, v1.ReservedAnnotations) }

// RemoveReserved removes the annotations that only Chains sets, and returns their keys in order.
func RemoveReserved(all map[string]string) []string {
	var removed []string
	for key := range all {
		if Reserved(key) {
			removed = append(removed, key)
			delete(all, key)
		}
	}
	slices.Sort(removed)
	return removed
}

// TooMany reports whether annotations are more than an object can have besides the controller's own ones.
func TooMany(all map[string]string) bool {
	size := 0
	for key, value := range all {
		size += len(key) + len(value)
	}
	return size > validation.TotalAnnotationSizeLimitB-spare
}

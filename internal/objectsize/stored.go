package objectsize

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// trimmedManager marks the only entry that TrimManagedFields keeps. No client can write it, because the API server refuses an
// entry whose operation is a number.
const trimmedManager = "sluice.dev/trimmed"

// TrimManagedFields drops the managed fields of a cached object, and keeps their length in bytes, so that Stored still counts
// them. Managed fields list each param of a run, and can be larger than the rest of the object.
func TrimManagedFields(o metav1.Object) {
	fields := o.GetManagedFields()
	if len(fields) == 0 || trimmed(fields) {
		return
	}
	length := strconv.Itoa(Encoded(fields))
	o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: trimmedManager, Operation: metav1.ManagedFieldsOperationType(length)}})
}

// Stored returns the length in bytes of an object in etcd, with its present managed fields. What the next write adds to them
// is within Reserve, because one manager owns each list and spec of a status as a whole.
func Stored(o metav1.Object) int {
	encoded, fields := Encoded(o), o.GetManagedFields()
	if !trimmed(fields) {
		return encoded
	}
	return encoded - Encoded(fields) + ManagedFields(o)
}

// ManagedFields returns the length in bytes of the managed fields of an object, even if a cache has dropped them.
func ManagedFields(o metav1.Object) int {
	fields := o.GetManagedFields()
	switch {
	case len(fields) == 0:
		return 0
	case !trimmed(fields):
		return Encoded(fields)
	}
	length, err := strconv.Atoi(string(fields[0].Operation))
	if err != nil {
		return 0
	}
	return length
}

func trimmed(fields []metav1.ManagedFieldsEntry) bool {
	return len(fields) == 1 && fields[0].Manager == trimmedManager
}

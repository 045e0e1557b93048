package objectsize

import (
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// trimmedManager marks the one entry that TrimManagedFields leaves. No client can write it: the API server refuses an
// entry whose operation is a number.
const trimmedManager = "sluice.dev/trimmed"

// TrimManagedFields drops the managed fields of an object that only a cache holds, and keeps how many bytes they take, so
// that Stored still counts them. Managed fields list each param of a run, and can be larger than all the rest.
func TrimManagedFields(o metav1.Object) {
	fields := o.GetManagedFields()
	if len(fields) == 0 || trimmed(fields) {
		return
	}
	length := strconv.Itoa(Encoded(fields))
	o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: trimmedManager, Operation: metav1.ManagedFieldsOperationType(length)}})
}

// Stored returns how many bytes an object takes as etcd stores it, with its managed fields as they are now. What the next
// write adds to them is within Reserve: the lists and specs of a status have one owner as a whole.
func Stored(o metav1.Object) int {
	encoded, fields := Encoded(o), o.GetManagedFields()
	if !trimmed(fields) {
		return encoded
	}
	return encoded - Encoded(fields) + ManagedFields(o)
}

// ManagedFields returns how many bytes the managed fields of an object take, whether a cache has dropped them or not.
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

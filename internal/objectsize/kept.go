package objectsize

import (
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// KeepLength notes in a cached object how many bytes it has in etcd, before a cache drops parts of it. The note is in a field
// that the API server clears whenever it stores an object, so no client can write it.
func KeepLength(o metav1.Object) {
	if o.GetSelfLink() == "" { // a cache may be given what it has changed before
		o.SetSelfLink(strconv.Itoa(Stored(o)))
	}
}

// KeptLength returns the bytes that KeepLength has noted; 0 without a note. A mark of package partial can be in front of them.
func KeptLength(o metav1.Object) int {
	link := o.GetSelfLink()
	length, err := strconv.Atoi(link[strings.LastIndexByte(link, '/')+1:])
	if err != nil {
		return 0
	}
	return length
}

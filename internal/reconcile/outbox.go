package reconcile

import "sigs.k8s.io/controller-runtime/pkg/client"

// Outbox learns of each status that the API server has stored, to send messages about it. It keeps a record in the status: which
// messages are due. The record is stored by the same write as the change that they are about, so that no message is lost if the
// process ends after the write.
type Outbox[R client.Object, S any] interface {
	// Due returns the status with the messages that are due for the change from the run to this status. It does not change its
	// arguments. The write of this status follows, and then Written or Failed.
	Due(before R, status S) S
	// Failed gets the run whose status was not written, as far as the answer of the API server says so.
	Failed(before R)
	// Written gets the run as it was before the write, and as it is stored. It is a part of the reconcile, so it must not wait for
	// anything, and it changes neither of them. A reconcile that ends between the write and this call does not make the call.
	Written(before, after R)
}

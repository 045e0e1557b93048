package state

import "time"

// Tuning changes settings that tests of faults need otherwise than a node has them. The zero value changes nothing.
type Tuning struct {
	// ContainerLogMaxSize is the size at which the kubelet begins a new file for a container's log, as a quantity such as
	// 1Mi. Empty means the kubelet's default, 10Mi.
	ContainerLogMaxSize string `json:"containerLogMaxSize,omitempty"`
	// NodeGracePeriod is how long the node may be silent before it counts as lost, in whole seconds from 4 on. 0 means the
	// controller manager's default, 50 s.
	NodeGracePeriod time.Duration `json:"nodeGracePeriod,omitempty"`
}

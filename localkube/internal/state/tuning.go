package state

import "time"

// Tuning holds settings that fault tests change. The zero value changes nothing.
type Tuning struct {
	// ContainerLogMaxSize is the size at which the kubelet rotates a container's log, as a quantity such as 1Mi. Empty means
	// the kubelet's default, 10Mi.
	ContainerLogMaxSize string `json:"containerLogMaxSize,omitempty"`
	// NodeGracePeriod is the time without a report after which the node counts as lost, in whole seconds, at least 4. 0 means
	// the controller manager's default, 50 s.
	NodeGracePeriod time.Duration `json:"nodeGracePeriod,omitempty"`
	// EtcdQuota is the quota of etcd in bytes. 0 means 8 GiB.
	EtcdQuota int64 `json:"etcdQuota,omitempty"`
}

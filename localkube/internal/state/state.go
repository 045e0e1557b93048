package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// Cluster holds what `up` decides about a cluster. It does not change when the cluster is restarted in the same directory.
type Cluster struct {
	// APIOnly selects a cluster without a node, of etcd and the API server only.
	APIOnly bool `json:"apiOnly"`
	// APIPort is the API server's port on the loopback address of the host.
	APIPort int `json:"apiPort"`
	// EtcdPort is etcd's port: on the host's loopback address if there is no node, otherwise in the node's network.
	EtcdPort int `json:"etcdPort"`
	// RegistryPort is the image registry's port on the loopback address of the host and on all addresses of the node; 0
	// without a node.
	RegistryPort int `json:"registryPort,omitempty"`
	// Uplink connects the node's network with the host's; zero without a node.
	Uplink Uplink `json:"uplink,omitzero"`
	// Nameservers are the host's name servers that are reachable; none without a node. They may change with every start.
	Nameservers []netip.Addr `json:"nameservers,omitempty"`
	// Nodes is the number of nodes; 0 counts as 1, and is the number without a node, too.
	Nodes int `json:"nodes,omitempty"`
	// NodeLabels are labels of the nodes in addition to those that every node has, each as NODE:KEY=VALUE, sorted.
	NodeLabels []string `json:"nodeLabels,omitempty"`
	// Tuning of the nodes; zero without a node.
	Tuning Tuning `json:"tuning,omitzero"`
	// AuditLog: the API server writes each request that changes an object into the log "audit".
	AuditLog bool `json:"auditLog,omitempty"`
	// Supervisor is the process that owns all others. A cluster that is being started, or was stopped, may have none.
	Supervisor Process `json:"supervisor,omitzero"`
}

// RegistryForPods returns the host and port at which pods reach the image registry.
func (c Cluster) RegistryForPods() string {
	return net.JoinHostPort(c.Uplink.Node.String(), strconv.Itoa(c.RegistryPort))
}

// Uplink is the pair of virtual network devices between the host and the node.
type Uplink struct {
	// Host is the host's address with the length of the network's prefix.
	Host netip.Prefix `json:"host"`
	// Node is the node's address in the same network.
	Node netip.Addr `json:"node"`
	// MTU is the size of the largest packet in bytes.
	MTU int `json:"mtu"`
}

// Component is a process of the cluster as the supervisor records it.
type Component struct {
	Name string `json:"name"`
	// Process has the number that the supervisor sees; see HostPIDs.
	Process Process `json:"process"`
	// Since is the time at which it was started.
	Since time.Time `json:"since"`
	// Ended describes how it ended; empty while it runs.
	Ended string `json:"ended,omitempty"`
	// Partitioned: the process is a node, and no packet passes between it and the others.
	Partitioned bool `json:"partitioned,omitempty"`
}

const (
	clusterFile    = "cluster.json"
	componentsFile = "components.json"
	// newSuffix is the suffix of a file that is being written.
	newSuffix = ".new"
)

// LoadCluster reads the state of the cluster. ok is false if there is no cluster in this directory. A file of the same name
// that localkube did not write is not a cluster. A directory that was moved or copied is an error.
func (d Dir) LoadCluster() (c Cluster, ok bool, err error) {
	_, marked, err := d.loadMark()
	if err != nil {
		return Cluster{}, false, err
	}
	if !marked {
		known, err := d.looksLikeACluster()
		if err != nil || !known {
			return Cluster{}, false, err
		}
	}
	ok, err = d.load(clusterFile, &c)
	return c, ok, err
}

// looksLikeACluster distinguishes the state of a cluster from before directories were marked from a file of another program.
func (d Dir) looksLikeACluster() (bool, error) {
	var fields map[string]json.RawMessage
	if ok, err := d.load(clusterFile, &fields); !ok || err != nil {
		return false, err
	}
	for _, needed := range []string{"apiOnly", "apiPort", "etcdPort"} {
		if _, ok := fields[needed]; !ok {
			return false, nil
		}
	}
	return true, nil
}

// SaveCluster writes the state of the cluster.
func (d Dir) SaveCluster(c Cluster) error { return d.save(clusterFile, c) }

// LoadComponents reads the supervisor's records of its processes. The list is empty before the supervisor has started one.
func (d Dir) LoadComponents() ([]Component, error) {
	var components []Component
	_, err := d.load(componentsFile, &components)
	return components, err
}

// SaveComponents writes the records of the processes.
func (d Dir) SaveComponents(components []Component) error { return d.save(componentsFile, components) }

func (d Dir) load(name string, into any) (bool, error) {
	content, err := os.ReadFile(d.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot read state %q: %w", d.Path(name), err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return false, fmt.Errorf("cannot parse state %q: %w", d.Path(name), err)
	}
	return true, nil
}

// save replaces the file atomically, so that a reader never sees an incomplete file.
func (d Dir) save(name string, value any) error {
	content, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode state %q: %w", name, err)
	}
	path := d.Path(name)
	if err := os.WriteFile(path+newSuffix, append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("cannot write state %q: %w", path, err)
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return fmt.Errorf("cannot replace state %q: %w", path, err)
	}
	return nil
}

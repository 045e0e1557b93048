package pki

import (
	"fmt"
	"os"
)

// File names, without extension, of the certificates and keys that WriteCluster creates.
const (
	CA                = "ca"
	EtcdCA            = "etcd-ca"
	Etcd              = "etcd"
	EtcdClient        = "apiserver-etcd-client"
	APIServer         = "apiserver"
	KubeletClient     = "apiserver-kubelet-client"
	ServiceAccount    = "service-account"
	Admin             = "admin"
	ControllerManager = "controller-manager"
	Scheduler         = "scheduler"
	Proxy             = "proxy"
	NodeClient        = "node"
	Kubelet           = "kubelet"
	Local             = "local"
)

// loopback is the address at which the components of one node reach each other.
const loopback = "127.0.0.1"

// KubeletClientUser is the user name of the API server's requests to the kubelet. A role binding permits them.
const KubeletClientUser = "kube-apiserver-kubelet-client"

// Cluster holds the names and addresses of a cluster's certificates.
type Cluster struct {
	// NodeName is the name of the node with the control plane.
	NodeName string
	// NodeIP is the node's address, empty if there is no node.
	NodeIP string
	// ServiceIP is the address of the Service kubernetes in the namespace default.
	ServiceIP string
	// Workers are the other nodes.
	Workers []Worker
}

// Worker is a node without the control plane.
type Worker struct {
	// Name of the node, and IP at which the API server reaches its kubelet.
	Name, IP string
}

// OfNode returns the name of the certificate of that kind, NodeClient or Kubelet, of a worker. With an empty name it is that of
// the node with the control plane.
func OfNode(kind, worker string) string {
	if worker == "" {
		return kind
	}
	return kind + "-" + worker
}

// WriteCluster creates dir, and in it all certificates and keys of a cluster's components. etcd has a separate authority,
// because the holder of a certificate of that authority can read and write all data.
func WriteCluster(dir string, c Cluster) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot create directory %q: %w", dir, err)
	}
	for _, a := range []struct {
		name     string
		requests map[string]Request
	}{
		{CA, c.requests()},
		{EtcdCA, map[string]Request{
			Etcd:       {Name: "etcd", Hosts: []string{"localhost", loopback}, AlsoClient: true},
			EtcdClient: {Name: "kube-apiserver"},
		}},
	} {
		authority, err := NewAuthority("localkube-" + a.name)
		if err != nil {
			return err
		}
		if err := authority.Write(dir, a.name); err != nil {
			return err
		}
		for name, request := range a.requests {
			if err := authority.Issue(dir, name, request); err != nil {
				return err
			}
		}
	}
	return WriteKeyPair(dir, ServiceAccount)
}

// requests lists the certificates that the cluster's authority signs. Kubernetes binds its default roles to these user and
// group names.
func (c Cluster) requests() map[string]Request {
	api := []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", loopback, c.ServiceIP,
	}
	kubelet := []string{c.NodeName, "localhost", loopback}
	if c.NodeIP != "" {
		api = append(api, c.NodeIP)
		kubelet = append(kubelet, c.NodeIP)
	}
	all := map[string]Request{
		APIServer:         {Name: "kube-apiserver", Hosts: api},
		KubeletClient:     {Name: KubeletClientUser},
		Admin:             {Name: "localkube-admin", Groups: []string{"system:masters"}},
		ControllerManager: {Name: "system:kube-controller-manager"},
		Scheduler:         {Name: "system:kube-scheduler"},
		Proxy:             {Name: "system:kube-proxy"},
		NodeClient:        {Name: "system:node:" + c.NodeName, Groups: []string{"system:nodes"}},
		Kubelet:           {Name: c.NodeName, Hosts: kubelet},
		Local:             {Name: "localkube-local", Hosts: []string{"localhost", loopback}},
	}
	for _, w := range c.Workers {
		all[OfNode(NodeClient, w.Name)] = Request{Name: "system:node:" + w.Name, Groups: []string{"system:nodes"}}
		all[OfNode(Kubelet, w.Name)] = Request{Name: w.Name, Hosts: []string{w.Name, "localhost", loopback, w.IP}}
	}
	return all
}

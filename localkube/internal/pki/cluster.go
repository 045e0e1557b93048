package pki

import (
	"fmt"
	"os"
)

// The names of the files, without extension, that WriteCluster makes.
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

// KubeletClientUser is the user as which the API server talks to the kubelet; a role binding lets it do so.
const KubeletClientUser = "kube-apiserver-kubelet-client"

// Cluster says for which names and addresses a cluster's certificates are.
type Cluster struct {
	// NodeName is the name of the only node.
	NodeName string
	// NodeIP is the node's address, empty when there is no node.
	NodeIP string
	// ServiceIP is the address of the Service kubernetes in the namespace default.
	ServiceIP string
}

// WriteCluster makes everything that the components of a cluster authenticate themselves with, in dir, which it creates.
// etcd has an authority of its own, because whoever holds a certificate of it may read and write everything.
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
			Etcd:       {Name: "etcd", Hosts: []string{"localhost", "127.0.0.1"}, AlsoClient: true},
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

// requests lists what the cluster's own authority signs. The user and group names are those that Kubernetes binds its default roles to.
func (c Cluster) requests() map[string]Request {
	api := []string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		"localhost", "127.0.0.1", c.ServiceIP,
	}
	kubelet := []string{c.NodeName, "localhost", "127.0.0.1"}
	if c.NodeIP != "" {
		api = append(api, c.NodeIP)
		kubelet = append(kubelet, c.NodeIP)
	}
	return map[string]Request{
		APIServer:         {Name: "kube-apiserver", Hosts: api},
		KubeletClient:     {Name: KubeletClientUser},
		Admin:             {Name: "localkube-admin", Groups: []string{"system:masters"}},
		ControllerManager: {Name: "system:kube-controller-manager"},
		Scheduler:         {Name: "system:kube-scheduler"},
		Proxy:             {Name: "system:kube-proxy"},
		NodeClient:        {Name: "system:node:" + c.NodeName, Groups: []string{"system:nodes"}},
		Kubelet:           {Name: c.NodeName, Hosts: kubelet},
		Local:             {Name: "localkube-local", Hosts: []string{"localhost", "127.0.0.1"}},
	}
}

package component

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/sluice-ci/sluice/localkube/internal/pki"
	"github.com/sluice-ci/sluice/localkube/internal/role"
)

// Paths in the node's mount namespace, in which these folders are private to the cluster.
const (
	// ContainerdSocket is where containerd listens.
	ContainerdSocket = "/run/containerd/containerd.sock"
	// KubeletRoot is the kubelet's folder; some paths below it are fixed in the kubelet.
	KubeletRoot = "/var/lib/kubelet"
	// ContainerLogs is where the kubelet links the logs of containers by name; the path is fixed in the kubelet.
	ContainerLogs = "/var/log/containers"
	// HostPathVolumes is where the controller manager makes the volumes of the default storage class; the path is fixed in it.
	HostPathVolumes = "/tmp/hostpath_pv"
)

// The client configurations of the components, by the names of their files.
const (
	controllerManagerConfig = "controller-manager.kubeconfig"
	schedulerConfig         = "scheduler.kubeconfig"
	proxyConfig             = "proxy.kubeconfig"
	nodeConfig              = "node.kubeconfig"
)

// ContainerdSpec is the container runtime.
func (c Cluster) ContainerdSpec() Spec {
	return Spec{
		Name: Containerd,
		Path: c.BinDir + "/containerd",
		Args: []string{"--config=" + c.Dir.Config(containerdFile)},
		// containerd finds its shim, and the shim runc, on the path.
		Env:     []string{"PATH=" + c.BinDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Healthy: runtimeReady,
	}
}

// runtimeReady asks the container runtime whether it and its network are ready.
func runtimeReady(ctx context.Context) error {
	connection, err := grpc.NewClient("unix://"+ContainerdSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("cannot reach containerd: %w", err)
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	answer, err := cri.NewRuntimeServiceClient(connection).Status(ctx, &cri.StatusRequest{})
	if err != nil {
		return fmt.Errorf("cannot ask containerd for its status: %w", err)
	}
	for _, condition := range answer.GetStatus().GetConditions() {
		// Its other conditions are warnings.
		needed := condition.GetType() == cri.RuntimeReady || condition.GetType() == cri.NetworkReady
		if needed && !condition.GetStatus() {
			return fmt.Errorf("containerd says %s=false: %s", condition.GetType(), condition.GetMessage())
		}
	}
	return nil
}

// ControllerManagerSpec is the controller manager.
func (c Cluster) ControllerManagerSpec() Spec {
	spec := Spec{
		Name: role.ControllerManager,
		Args: []string{
			"--kubeconfig=" + c.Dir.Config(controllerManagerConfig),
			"--authentication-kubeconfig=" + c.Dir.Config(controllerManagerConfig),
			"--authorization-kubeconfig=" + c.Dir.Config(controllerManagerConfig),
			"--bind-address=" + loopback,
			"--tls-cert-file=" + c.Dir.Cert(pki.Local),
			"--tls-private-key-file=" + c.Dir.Key(pki.Local),
			"--client-ca-file=" + c.Dir.Cert(pki.CA),
			"--root-ca-file=" + c.Dir.Cert(pki.CA),
			"--cluster-signing-cert-file=" + c.Dir.Cert(pki.CA),
			"--cluster-signing-key-file=" + c.Dir.Key(pki.CA),
			"--service-account-private-key-file=" + c.Dir.Key(pki.ServiceAccount),
			"--use-service-account-credentials=true",
			"--service-cluster-ip-range=" + ServiceCIDR,
			"--enable-hostpath-provisioner=true",
			"--flex-volume-plugin-dir=" + c.Dir.FlexVolumes(),
			// There is one of it; an election would only delay the start.
			"--leader-elect=false",
			fmt.Sprintf("--kube-api-qps=%d", clientQPS),
			fmt.Sprintf("--kube-api-burst=%d", clientBurst),
		},
		Healthy: tlsProbe("https://"+loopback+":10257/healthz", c.Dir, pki.CA, pki.Admin),
	}
	if grace := c.Tuning.NodeGracePeriod; grace > 0 {
		spec.Args = append(spec.Args, fmt.Sprintf("--node-monitor-grace-period=%s", grace), "--node-monitor-period=1s")
	}
	return spec
}

// SchedulerSpec is the scheduler.
func (c Cluster) SchedulerSpec() Spec {
	return Spec{
		Name: role.Scheduler,
		Args: []string{
			"--config=" + c.Dir.Config(schedulerFile),
			"--authentication-kubeconfig=" + c.Dir.Config(schedulerConfig),
			"--authorization-kubeconfig=" + c.Dir.Config(schedulerConfig),
			"--bind-address=" + loopback,
			"--tls-cert-file=" + c.Dir.Cert(pki.Local),
			"--tls-private-key-file=" + c.Dir.Key(pki.Local),
			"--client-ca-file=" + c.Dir.Cert(pki.CA),
		},
		Healthy: tlsProbe("https://"+loopback+":10259/healthz", c.Dir, pki.CA, pki.Admin),
	}
}

// KubeletSpec is the node's agent.
func (c Cluster) KubeletSpec() Spec {
	return Spec{
		Name: role.Kubelet,
		Args: []string{
			"--config=" + c.Dir.Config(kubeletFile),
			"--kubeconfig=" + c.Dir.Config(nodeConfig),
			"--root-dir=" + KubeletRoot,
			"--cert-dir=" + c.Dir.PKI(),
			"--hostname-override=" + NodeName,
			"--node-ip=" + c.Uplink.Node.String(),
		},
		Healthy: httpProbe("http://" + loopback + ":10248/healthz"),
	}
}

// ProxySpec makes Services work.
func (c Cluster) ProxySpec() Spec {
	return Spec{
		Name:    role.Proxy,
		Args:    []string{"--config=" + c.Dir.Config(proxyFile)},
		Healthy: httpProbe("http://" + loopback + ":10256/healthz"),
	}
}

package component

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/sluice-ci/sluice/localkube/internal/pki"
	"github.com/sluice-ci/sluice/localkube/internal/role"
)

// Paths in the node's mount namespace, in which these folders are private to the cluster.
const (
	// ContainerdSocket is the socket that containerd listens on.
	ContainerdSocket = "/run/containerd/containerd.sock"
	// KubeletRoot is the kubelet's folder. The kubelet has some paths below it hard-coded.
	KubeletRoot = "/var/lib/kubelet"
	// ContainerLogs is the folder in which the kubelet links the logs of containers by name. The kubelet has the path
	// hard-coded.
	ContainerLogs = "/var/log/containers"
	// HostPathVolumes is the folder in which the controller manager creates the volumes of the default storage class. The
	// controller manager has the path hard-coded.
	HostPathVolumes = "/tmp/hostpath_pv"
)

// File names of the components' client configurations.
const (
	controllerManagerConfig = "controller-manager.kubeconfig"
	schedulerConfig         = "scheduler.kubeconfig"
	proxyConfig             = "proxy.kubeconfig"
	nodeConfig              = "node.kubeconfig"
)

// ContainerdSpec starts the container runtime.
func (c Cluster) ContainerdSpec() Spec {
	return Spec{
		Name: Containerd,
		Path: c.BinDir + "/containerd",
		Args: []string{"--config=" + c.Home().Config(containerdFile)},
		// containerd finds its shim, and the shim finds runc, in PATH.
		Env:     []string{"PATH=" + c.BinDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Healthy: runtimeReady,
	}
}

// runtimeReady reports an error unless the container runtime and its network are ready.
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
		// The other conditions are warnings.
		needed := condition.GetType() == cri.RuntimeReady || condition.GetType() == cri.NetworkReady
		if needed && !condition.GetStatus() {
			return fmt.Errorf("containerd reports %s=false: %s", condition.GetType(), condition.GetMessage())
		}
	}
	return nil
}

// ControllerManagerSpec starts the controller manager.
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
			// There is only one instance, so an election would only delay the start.
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

// SchedulerSpec starts the scheduler.
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

// KubeletSpec starts the kubelet.
func (c Cluster) KubeletSpec() Spec {
	self := c.Self()
	args := []string{
		"--config=" + c.Home().Config(kubeletFile),
		"--kubeconfig=" + c.Home().Config(nodeConfig),
		"--root-dir=" + KubeletRoot,
		"--cert-dir=" + c.Dir.PKI(),
		"--hostname-override=" + self.Name,
		"--node-ip=" + self.Address.String(),
	}
	if len(self.Labels) > 0 {
		args = append(args, "--node-labels="+strings.Join(self.Labels, ","))
	}
	return Spec{
		Name:    role.Kubelet,
		Args:    args,
		Healthy: httpProbe("http://" + loopback + ":10248/healthz"),
	}
}

// ProxySpec starts kube-proxy, which implements Services.
func (c Cluster) ProxySpec() Spec {
	return Spec{
		Name:    role.Proxy,
		Args:    []string{"--config=" + c.Home().Config(proxyFile)},
		Healthy: httpProbe("http://" + loopback + ":10256/healthz"),
	}
}

// Package role holds the Kubernetes components of this binary. Each is the component's own command, under its own name.
package role

import (
	"context"
	"os"
	_ "time/tzdata" // the API server and the controller manager evaluate time zones of CronJobs

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // JSON log format, which the components' binaries have
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics, which the components' binaries have
	_ "k8s.io/component-base/metrics/prometheus/version"  // version metric, which the components' binaries have
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// Names of the roles. They are the usual names of the components.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	Kubectl           = "kubectl"
)

// Known reports whether name is one of the roles above.
func Known(name string) bool {
	switch name {
	case Etcd, APIServer, ControllerManager, Scheduler, Kubelet, Proxy, Kubectl:
		return true
	}
	return false
}

// Run is the component's main function. It takes over the process and returns its exit status. args are the arguments after
// the role's name.
func Run(name string, args []string) int {
	// The components read os.Args in different ways, so the role's name must replace the program's name.
	os.Args = append([]string{name}, args...)
	if name == Etcd {
		etcdmain.Main(os.Args)
		return 0
	}
	if name == Kubectl {
		if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
			util.CheckErr(err) // prints what kubectl prints, and exits
		}
		return 0
	}
	return cli.Run(command(name))
}

func command(name string) *cobra.Command {
	switch name {
	case APIServer:
		return apiserver.NewAPIServerCommand()
	case ControllerManager:
		return controllermanager.NewControllerManagerCommand()
	case Scheduler:
		return scheduler.NewSchedulerCommand()
	case Kubelet:
		return kubelet.NewKubeletCommand(context.Background())
	case Proxy:
		return proxy.NewProxyCommand()
	}
	return &cobra.Command{Use: name}
}

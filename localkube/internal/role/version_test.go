package role_test

import (
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	kubelet "k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
	proxy "k8s.io/kubernetes/pkg/proxy/apis/config/scheme"
	scheduler "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"

	"github.com/sluice-ci/sluice/localkube/internal/component"
	"github.com/sluice-ci/sluice/localkube/internal/role"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// These tests compare what localkube gives to the components with what the compiled version of Kubernetes knows. For another version:
//
//	go test -modfile=versions/1.34.mod ./internal/role

// full is a cluster with every setting that changes the arguments or files of a component.
func full() component.Cluster {
	return component.Cluster{Dir: "/state/localkube", BinDir: "/opt/bin", Cluster: state.Cluster{
		APIPort: 6443, EtcdPort: 2379, RegistryPort: 5001, AuditLog: true,
		Nodes: 2, NodeLabels: []string{"localkube:disk=ssd"},
		Uplink: state.Uplink{Host: netip.MustParsePrefix("198.18.0.1/30"), Node: netip.MustParseAddr("198.18.0.2"), MTU: 1400},
		Tuning: state.Tuning{ContainerLogMaxSize: "1Mi", NodeGracePeriod: 5 * time.Second},
	}}
}

// commands returns the commands of the components, which are created only once: that of the API server handles the signals of the process.
var commands = sync.OnceValue(func() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	for _, name := range []string{role.APIServer, role.ControllerManager, role.Scheduler, role.Kubelet, role.Proxy} {
		all[name] = role.Command(name)
		all[name].SetOut(io.Discard)
		all[name].SetErr(io.Discard)
	}
	return all
})

func TestFlagsAreKnown(t *testing.T) {
	only := component.Cluster{Dir: "/state/localkube", Cluster: state.Cluster{APIOnly: true, APIPort: 6443, EtcdPort: 2379}}
	for name, specs := range map[string][]component.Spec{
		role.APIServer:         {full().APIServerSpec(), only.APIServerSpec()},
		role.ControllerManager: {full().ControllerManagerSpec()},
		role.Scheduler:         {full().SchedulerSpec()},
		role.Kubelet:           {full().KubeletSpec()},
		role.Proxy:             {full().ProxySpec()},
	} {
		t.Run(name, func(t *testing.T) {
			command := commands()[name]
			// parse parses the arguments as the component does. Because of --help, the component then prints its help and does nothing.
			parse := func(args ...string) error {
				command.SetArgs(append(args, "--help"))
				return command.Execute()
			}
			for _, spec := range specs {
				if err := parse(spec.Args...); err != nil {
					t.Errorf("%s of this version refuses its flags: %v", name, err)
				}
			}
			if err := parse("--no-such-flag"); err == nil {
				t.Errorf("%s accepts an unknown flag, so this test finds nothing", name)
			}
		})
	}
}

func TestFilesAreKnown(t *testing.T) {
	files, err := full().Files()
	if err != nil {
		t.Fatal(err)
	}
	_, forKubelet, err := kubelet.NewSchemeAndCodecs(serializer.EnableStrict)
	if err != nil {
		t.Fatal(err)
	}
	for path, decoder := range map[string]runtime.Decoder{
		"kubelet.yaml":        forKubelet.UniversalDecoder(),
		"kube-proxy.yaml":     proxy.Codecs.UniversalDecoder(),
		"kube-scheduler.yaml": scheduler.Codecs.UniversalDecoder(),
	} {
		t.Run(path, func(t *testing.T) {
			if _, err := runtime.Decode(decoder, []byte(files[path])); err != nil {
				t.Errorf("this version does not know %s: %v", path, err)
			}
			if _, err := runtime.Decode(decoder, []byte(files[path]+"\nnoSuchField: 1\n")); err == nil {
				t.Error("an unknown field is accepted, so this test finds nothing")
			}
		})
	}
}

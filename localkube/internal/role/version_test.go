package role_test

import (
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

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

// asRole is the environment variable with the role of a process of this test. Two components in one process would register the same flags.
const asRole = "LOCALKUBE_TEST_ROLE"

func TestMain(m *testing.M) {
	if name := os.Getenv(asRole); name != "" {
		os.Exit(role.Run(name, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// full is a cluster with every setting that changes the arguments or files of a component.
func full() component.Cluster {
	return component.Cluster{Dir: "/state/localkube", BinDir: "/opt/bin", Cluster: state.Cluster{
		APIPort: 6443, EtcdPort: 2379, RegistryPort: 5001, AuditLog: true,
		Nodes: 2, NodeLabels: []string{"localkube:disk=ssd"},
		Uplink: state.Uplink{Host: netip.MustParsePrefix("198.18.0.1/30"), Node: netip.MustParseAddr("198.18.0.2"), MTU: 1400},
		Tuning: state.Tuning{ContainerLogMaxSize: "1Mi", NodeGracePeriod: 5 * time.Second},
	}}
}

func TestFlagsAreKnown(t *testing.T) {
	only := component.Cluster{Dir: "/state/localkube", Cluster: state.Cluster{APIOnly: true, APIPort: 6443, EtcdPort: 2379}}
	for name, spec := range map[string]component.Spec{
		"etcd":                    full().EtcdSpec(),
		"kube-apiserver":          full().APIServerSpec(),
		"kube-apiserver only":     only.APIServerSpec(),
		"kube-controller-manager": full().ControllerManagerSpec(),
		"kube-scheduler":          full().SchedulerSpec(),
		"kubelet":                 full().KubeletSpec(),
		"kube-proxy":              full().ProxySpec(),
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := help(t, spec.Name, spec.Args...); err != nil {
				t.Errorf("%s of this version refuses its flags: %v: %s", spec.Name, err, out)
			}
			if _, err := help(t, spec.Name, "--no-such-flag"); err == nil {
				t.Errorf("%s accepts an unknown flag, so this test finds nothing", spec.Name)
			}
		})
	}
}

// help parses the arguments as the component does. Because they end with --help, the component then prints its help and does nothing.
func help(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], append(args, "--help")...)
	command.Env = append(os.Environ(), asRole+"="+name)
	out, err := command.CombinedOutput()
	return string(out), err
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

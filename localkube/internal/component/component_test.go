package component

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/localkube/internal/pki"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

var update = flag.Bool("update", false, "update the golden files")

func node() Cluster {
	return Cluster{
		Dir:    "/state/localkube",
		BinDir: "/opt/bin",
		Cluster: state.Cluster{
			APIPort: 6443, EtcdPort: 2379, RegistryPort: 5001,
			Uplink: state.Uplink{Host: netip.MustParsePrefix("198.18.0.1/30"), Node: netip.MustParseAddr("198.18.0.2"), MTU: 1400},
		},
	}
}

func tuned() Cluster {
	c := node()
	c.Tuning = state.Tuning{ContainerLogMaxSize: "1Mi", NodeGracePeriod: 5 * time.Second}
	return c
}

// several is a cluster of three nodes. Its second node has a label.
func several() Cluster {
	c := node()
	c.Cluster.Nodes, c.NodeLabels = 3, []string{"localkube-2:disk=ssd"}
	return c
}

func apiOnly() Cluster {
	return Cluster{Dir: "/state/localkube", BinDir: "/opt/bin", Cluster: state.Cluster{APIOnly: true, APIPort: 7443, EtcdPort: 40001}}
}

func small() Cluster {
	c := apiOnly()
	c.Tuning.EtcdQuota = 256 << 20
	return c
}

func audited() Cluster {
	c := apiOnly()
	c.AuditLog = true
	return c
}

func TestCommandLines(t *testing.T) {
	n, a, tuned, audited, small := node(), apiOnly(), tuned(), audited(), small()
	main, worker := several(), several().OfNode(2)
	for name, spec := range map[string]Spec{
		"api-only/etcd":                a.EtcdSpec(),
		"api-only/kube-apiserver":      a.APIServerSpec(),
		"node/etcd":                    n.EtcdSpec(),
		"node/kube-apiserver":          n.APIServerSpec(),
		"node/containerd":              n.ContainerdSpec(),
		"node/kube-controller-manager": n.ControllerManagerSpec(),
		"node/kube-scheduler":          n.SchedulerSpec(),
		"node/kubelet":                 n.KubeletSpec(),
		"node/kube-proxy":              n.ProxySpec(),

		"several/kubelet":   main.KubeletSpec(),
		"several/node":      main.NodeSpec(main.Workers()[0]),
		"worker/containerd": worker.ContainerdSpec(),
		"worker/kubelet":    worker.KubeletSpec(),
		"worker/kube-proxy": worker.ProxySpec(),

		"tuned/kube-controller-manager": tuned.ControllerManagerSpec(),

		"small/etcd": small.EtcdSpec(),

		"audited/kube-apiserver": audited.APIServerSpec(),
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf("%s\n  %s\n", spec.Name, strings.Join(append(spec.Args, spec.Env...), "\n  "))
			golden(t, name+".args", text)
		})
	}
}

func TestFiles(t *testing.T) {
	files, err := node().Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		t.Run(path, func(t *testing.T) { golden(t, "node/config/"+path, text) })
	}
}

// TestFilesOfAWorker: a node without the control plane reaches the API server and the registry through the first node.
func TestFilesOfAWorker(t *testing.T) {
	files, err := several().OfNode(2).Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		t.Run(path, func(t *testing.T) { golden(t, "worker/config/"+path, text) })
	}
}

// TestRangesOfNodes: the pods of every node have other addresses, in the range of all pods, for the largest cluster.
func TestRangesOfNodes(t *testing.T) {
	c := node()
	c.Cluster.Nodes = MaxNodes
	all, nodes := netip.MustParsePrefix(PodCIDR), netip.MustParsePrefix(NodeCIDR)
	var earlier []Node
	for _, n := range c.Nodes() {
		pods, err := netip.ParsePrefix(n.PodCIDR)
		if err != nil {
			t.Fatal(err)
		}
		if pods.Masked() != pods || !all.Overlaps(pods) || pods.Bits() < all.Bits() {
			t.Errorf("the range of the pods of %s is %s, which is not a part of %s", n.Name, pods, all)
		}
		for _, other := range earlier {
			if pods.Overlaps(netip.MustParsePrefix(other.PodCIDR)) || n.Address == other.Address || n.Name == other.Name {
				t.Errorf("two nodes overlap: %+v, %+v", n, other)
			}
		}
		if n.Number > 1 && (!nodes.Contains(n.Address) || n.Address == Gateway().Addr()) {
			t.Errorf("the address of %s is %s, which is not a free one of %s", n.Name, n.Address, nodes)
		}
		earlier = append(earlier, n)
	}
	if len(earlier) != MaxNodes {
		t.Errorf("%d nodes, want %d", len(earlier), MaxNodes)
	}
}

func TestTunedKubelet(t *testing.T) {
	files, err := tuned().Files()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "tuned/config/"+kubeletFile, files[kubeletFile])
}

func TestFilesParse(t *testing.T) {
	files, err := tuned().Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		var err error
		switch filepath.Ext(path) {
		case ".yaml":
			_, err = yaml.YAMLToJSONStrict([]byte(text))
		case ".conflist":
			err = json.Unmarshal([]byte(text), &map[string]any{})
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWriteFiles(t *testing.T) {
	c := node()
	c.Dir = state.Dir(t.TempDir())
	if err := c.Dir.Make(); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFiles(); err == nil {
		t.Error("WriteFiles wrote client configurations without certificates")
	}
	if err := pki.WriteCluster(c.Dir.PKI(), pki.Cluster{NodeName: NodeName, ServiceIP: ServiceIP}); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFiles(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{kubeletFile, cniFile, nodeConfig, "registries/_default/hosts.toml"} {
		if _, err := os.Stat(c.Dir.Config(name)); err != nil {
			t.Error(err)
		}
	}
}

func TestWriteAuditPolicy(t *testing.T) {
	c := audited()
	c.Dir = state.Dir(t.TempDir())
	if err := c.Dir.Make(); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteAuditPolicy(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.Dir.Config(auditFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := yaml.YAMLToJSONStrict(text); err != nil {
		t.Error(err)
	}
	c.AuditLog, c.Dir = false, state.Dir(t.TempDir())
	if err := c.WriteAuditPolicy(); err != nil {
		t.Errorf("a cluster without an audit log needs no policy: %v", err)
	}
}

func TestTLSProbe(t *testing.T) {
	dir := state.Dir(t.TempDir())
	if err := pki.WriteCluster(dir.PKI(), pki.Cluster{NodeName: NodeName, ServiceIP: ServiceIP}); err != nil {
		t.Fatal(err)
	}
	status := http.StatusOK
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		fmt.Fprint(w, "etcd is not there")
	}))
	defer server.Close()
	probe := tlsProbe(server.URL, dir, pki.CA, pki.Admin)
	if err := probe(t.Context()); err == nil {
		t.Error("a server with a certificate of a foreign authority is reported as healthy")
	}
	// From here on, the probe trusts the server's own certificate.
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(dir.Cert(pki.CA), block, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := probe(t.Context()); err != nil {
		t.Errorf("a healthy server: %v", err)
	}
	status = http.StatusInternalServerError
	if err := probe(t.Context()); err == nil || !strings.Contains(err.Error(), "etcd is not there") {
		t.Errorf("the error does not quote the answer of the unhealthy server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := probe(ctx); err == nil {
		t.Error("a cancelled probe is reported as healthy")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(strings.ReplaceAll(name, ":", "_")))
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s, -want +got (-update rewrites the file):\n%s", path, diff)
	}
}

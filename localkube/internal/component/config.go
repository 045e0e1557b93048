package component

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/sluice-ci/sluice/localkube/internal/pki"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// Names of the configuration files below the folder config.
const (
	containerdFile = "containerd.toml"
	kubeletFile    = "kubelet.yaml"
	proxyFile      = "kube-proxy.yaml"
	schedulerFile  = "kube-scheduler.yaml"
	cniFile        = "cni/10-localkube.conflist"
	resolvFile     = "resolv.conf"
	auditFile      = "audit-policy.yaml"
)

// Limits of the components' requests to the API server, per second and in a burst. They are high because the API server's
// priorities limit the load, and a cluster that measures speed must not wait for a client-side limit.
const (
	clientQPS   = 400
	clientBurst = 800
)

// PauseImage is the image of every pod's sandbox. The supervisor loads it into the registry.
const PauseImage = "localkube.internal/pause:1"

//go:embed files
var files embed.FS

// fileData is the data of the templates.
type fileData struct {
	Cluster
	// Home is the directory of the files of the node that is configured.
	Home state.Dir
	// Node is the node that is configured.
	Node Node
	// ClusterCIDR is the range of the addresses of all pods.
	ClusterCIDR                            string
	DNSIP, KubeletRoot, Socket, PauseImage string
	QPS, Burst                             int
	Registry, KubeletCert                  string
}

// Files renders the configuration files of a node's components. The keys are paths below the folder config.
func (c Cluster) Files() (map[string]string, error) {
	data := fileData{
		Cluster: c, Home: c.Home(), Node: c.Self(), ClusterCIDR: PodCIDR, DNSIP: DNSIP, KubeletRoot: KubeletRoot,
		Socket: ContainerdSocket, PauseImage: PauseImage, QPS: clientQPS, Burst: clientBurst,
		Registry: c.RegistryAddress(), KubeletCert: c.kubeletServer(),
	}
	self := fmt.Sprintf("%d", c.RegistryPort)
	rendered := map[string]string{}
	for path, name := range map[string]string{
		containerdFile:                   "containerd.toml",
		kubeletFile:                      "kubelet.yaml",
		proxyFile:                        "kube-proxy.yaml",
		schedulerFile:                    "kube-scheduler.yaml",
		cniFile:                          "cni.conflist",
		"registries/_default/hosts.toml": "mirror.toml",
		"registries/127.0.0.1:" + self + "/hosts.toml": "self.toml",
		"registries/localhost:" + self + "/hosts.toml": "self.toml",
	} {
		t, err := template.New(name).Option("missingkey=error").ParseFS(files, "files/"+name)
		if err != nil {
			return nil, fmt.Errorf("cannot parse template %q: %w", name, err)
		}
		var text strings.Builder
		if err := t.Execute(&text, data); err != nil {
			return nil, fmt.Errorf("cannot render %q: %w", path, err)
		}
		rendered[path] = text.String()
	}
	return rendered, nil
}

// WriteAuditPolicy writes the policy of the audit log, if the cluster has one.
func (c Cluster) WriteAuditPolicy() error {
	if !c.AuditLog {
		return nil
	}
	text, err := files.ReadFile("files/" + auditFile)
	if err != nil {
		return fmt.Errorf("cannot read the audit policy: %w", err)
	}
	if err := os.WriteFile(c.Dir.Config(auditFile), text, 0o644); err != nil {
		return fmt.Errorf("cannot write the audit policy: %w", err)
	}
	return nil
}

// WriteFiles writes the configuration files and the kubeconfigs of a node's components.
func (c Cluster) WriteFiles() error {
	rendered, err := c.Files()
	if err != nil {
		return err
	}
	for path, text := range rendered {
		full := c.Home().Config(path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return fmt.Errorf("cannot create the folder of %q: %w", full, err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			return fmt.Errorf("cannot write %q: %w", full, err)
		}
	}
	clients := map[string]string{proxyConfig: pki.Proxy, nodeConfig: c.nodeClient()}
	if c.Self().Number == 1 {
		clients[controllerManagerConfig], clients[schedulerConfig] = pki.ControllerManager, pki.Scheduler
	}
	for path, certificate := range clients {
		if err := pki.WriteKubeconfig(c.Home().Config(path), c.Dir.PKI(), certificate, "localkube", c.nodeAPIURL()); err != nil {
			return err
		}
	}
	return nil
}

// ResolvConf is the path of the resolver configuration of the node and its pods.
func (c Cluster) ResolvConf() string { return c.Home().Config(resolvFile) }

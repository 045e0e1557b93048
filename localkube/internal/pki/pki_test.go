package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteCluster(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	if err := WriteCluster(dir, Cluster{NodeName: "n", NodeIP: "198.18.0.2", ServiceIP: "10.96.0.1"}); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		ca     string
		file   string
		usage  x509.ExtKeyUsage
		host   string
		groups []string
		user   string
	}{
		"APIServerByService": {
			reason: "Pods reach the API server by the address of its Service.",
			ca:     CA, file: APIServer, usage: x509.ExtKeyUsageServerAuth, host: "10.96.0.1", user: "kube-apiserver",
		},
		"APIServerByName": {
			reason: "Pods may also use its name.",
			ca:     CA, file: APIServer, usage: x509.ExtKeyUsageServerAuth, host: "kubernetes.default.svc", user: "kube-apiserver",
		},
		"APIServerByNode": {
			reason: "The endpoints of the Service name the node's address.",
			ca:     CA, file: APIServer, usage: x509.ExtKeyUsageServerAuth, host: "198.18.0.2", user: "kube-apiserver",
		},
		"Kubelet": {
			reason: "The API server checks the kubelet's certificate for the address that the node reports.",
			ca:     CA, file: Kubelet, usage: x509.ExtKeyUsageServerAuth, host: "198.18.0.2", user: "n",
		},
		"Admin": {
			reason: "The administrator's rights come from the group.",
			ca:     CA, file: Admin, usage: x509.ExtKeyUsageClientAuth, groups: []string{"system:masters"}, user: "localkube-admin",
		},
		"Node": {
			reason: "The node authorizer identifies nodes by the prefix of their user name and by their group.",
			ca:     CA, file: NodeClient, usage: x509.ExtKeyUsageClientAuth, groups: []string{"system:nodes"}, user: "system:node:n",
		},
		"KubeletClient": {
			reason: "The API server is an ordinary user toward the kubelet. A role binding gives it its rights.",
			ca:     CA, file: KubeletClient, usage: x509.ExtKeyUsageClientAuth, user: KubeletClientUser,
		},
		"EtcdPeer": {
			reason: "etcd uses its server certificate also as a client of itself.",
			ca:     EtcdCA, file: Etcd, usage: x509.ExtKeyUsageClientAuth, user: "etcd",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			roots := x509.NewCertPool()
			roots.AddCert(readCert(t, dir, tc.ca))
			cert := readCert(t, dir, tc.file)
			_, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: tc.host, KeyUsages: []x509.ExtKeyUsage{tc.usage}})
			if err != nil {
				t.Errorf("%s\n%v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.groups, cert.Subject.Organization); diff != "" {
				t.Errorf("%s\ngroups -want +got:\n%s", tc.reason, diff)
			}
			if cert.Subject.CommonName != tc.user {
				t.Errorf("%s\nuser is %q, want %q", tc.reason, cert.Subject.CommonName, tc.user)
			}
		})
	}
}

func TestEtcdRefusesClientsOfTheCluster(t *testing.T) {
	dir := t.TempDir()
	if err := WriteCluster(dir, Cluster{NodeName: "n", ServiceIP: "10.96.0.1"}); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(readCert(t, dir, EtcdCA))
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if _, err := readCert(t, dir, Admin).Verify(x509.VerifyOptions{Roots: roots, KeyUsages: usages}); err == nil {
		t.Error("etcd would accept the cluster's administrator, and bypass the API server")
	}
}

func TestKeysAreSecret(t *testing.T) {
	dir := t.TempDir()
	if err := WriteCluster(dir, Cluster{NodeName: "n", ServiceIP: "10.96.0.1"}); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	for _, key := range keys {
		info, err := os.Stat(key)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: other users can read it", key, info.Mode())
		}
	}
}

func TestServiceAccountKeysBelongTogether(t *testing.T) {
	dir := t.TempDir()
	if err := WriteKeyPair(dir, ServiceAccount); err != nil {
		t.Fatal(err)
	}
	private, err := x509.ParsePKCS8PrivateKey(readPEM(t, filepath.Join(dir, ServiceAccount+".key")))
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(readPEM(t, filepath.Join(dir, ServiceAccount+".pub")))
	if err != nil {
		t.Fatal(err)
	}
	if !private.(*ecdsa.PrivateKey).PublicKey.Equal(public) {
		t.Error("the public key would not verify tokens signed with the private key")
	}
}

func TestWriteKubeconfig(t *testing.T) {
	dir := t.TempDir()
	if err := WriteCluster(dir, Cluster{NodeName: "n", ServiceIP: "10.96.0.1"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "kubeconfig")
	if err := WriteKubeconfig(path, dir, Admin, "localkube", "https://127.0.0.1:6443"); err != nil {
		t.Fatal(err)
	}
	if _, err := tls.LoadX509KeyPair(filepath.Join(dir, Admin+".crt"), filepath.Join(dir, Admin+".key")); err != nil {
		t.Errorf("the certificate and the key of the administrator do not match: %v", err)
	}
	if err := WriteKubeconfig(path, dir, "nobody", "localkube", "https://127.0.0.1:6443"); err == nil {
		t.Error("WriteKubeconfig accepts a missing certificate")
	}
}

func readCert(t *testing.T, dir, name string) *x509.Certificate {
	t.Helper()
	cert, err := x509.ParseCertificate(readPEM(t, filepath.Join(dir, name+".crt")))
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func readPEM(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		t.Fatalf("%s is not PEM", path)
	}
	return block.Bytes
}

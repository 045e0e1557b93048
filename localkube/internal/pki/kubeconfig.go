package pki

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// kubeconfigFormat contains the certificates inline, so that the file can be copied.
const kubeconfigFormat = `apiVersion: v1
kind: Config
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s-%[6]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[1]s
  context:
    cluster: %[1]s
    user: %[1]s-%[6]s
current-context: %[1]s
`

// WriteKubeconfig writes to path a client configuration for server, with the certificate of that name in dir. cluster is the
// name of the context.
func WriteKubeconfig(path, dir, certificate, cluster, server string) error {
	encoded := make([]any, 0, 3)
	for _, file := range []string{CA + ".crt", certificate + ".crt", certificate + ".key"} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			return fmt.Errorf("cannot read certificate %q: %w", file, err)
		}
		encoded = append(encoded, base64.StdEncoding.EncodeToString(content))
	}
	text := fmt.Sprintf(kubeconfigFormat, cluster, server, encoded[0], encoded[1], encoded[2], certificate)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("cannot write kubeconfig %q: %w", path, err)
	}
	return nil
}

package sign

import (
	"encoding/json"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/api/v1alpha1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cmd/validate/document"
	"github.com/sluice-ci/sluice/internal/trust"
)

// policyFiles are the VerificationPolicies and the Secrets of files.
type policyFiles struct {
	policies []v1alpha1.VerificationPolicy
	secrets  []corev1.Secret
}

// readPolicies reads the policies and the Secrets of files.
func readPolicies(files []string, stdin io.Reader) (*policyFiles, error) {
	all := &policyFiles{}
	for _, file := range files {
		text, err := read(file, stdin)
		if err != nil {
			return nil, err
		}
		for _, part := range document.Texts(text) {
			if err := all.add(part); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	if len(all.policies) == 0 {
		return nil, clierror.New("the files of --policy have no VerificationPolicy")
	}
	return all, nil
}

func (p *policyFiles) add(text string) error {
	raw, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return fmt.Errorf("it is not YAML: %w", err)
	}
	var meta metav1.TypeMeta
	if json.Unmarshal(raw, &meta) != nil {
		return nil // a list or a text
	}
	switch meta.GroupVersionKind() {
	case v1alpha1.GroupVersion.WithKind(v1alpha1.KindVerificationPolicy):
		var policy v1alpha1.VerificationPolicy
		if err := json.Unmarshal(raw, &policy); err != nil {
			return fmt.Errorf("cannot decode VerificationPolicy: %w", err)
		}
		if err := trust.CheckPolicy(&policy).ToAggregate(); err != nil {
			return fmt.Errorf("VerificationPolicy %q: %w", policy.Name, err)
		}
		p.policies = append(p.policies, policy)
	case corev1.SchemeGroupVersion.WithKind("Secret"):
		var secret corev1.Secret
		if err := json.Unmarshal(raw, &secret); err != nil {
			return fmt.Errorf("cannot decode Secret: %w", err)
		}
		p.secrets = append(p.secrets, secret)
	}
	return nil
}

// secret returns the value of the only key of a Secret.
func (p *policyFiles) secret(namespace, name string) ([]byte, error) {
	for i := range p.secrets {
		s := &p.secrets[i]
		if s.Name != name || s.Namespace != namespace {
			continue
		}
		values := [][]byte{}
		for _, value := range s.Data {
			values = append(values, value)
		}
		for _, value := range s.StringData {
			values = append(values, []byte(value))
		}
		if len(values) != 1 {
			return nil, fmt.Errorf("the Secret %q has %d keys; want one, whose value is the public key", name, len(values))
		}
		return values[0], nil
	}
	return nil, fmt.Errorf("secret %q of namespace %q: %w", name, namespace, errNoSecret)
}

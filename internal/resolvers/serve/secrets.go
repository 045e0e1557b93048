package serve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/resolvers"
	"github.com/sluice-ci/sluice/internal/truncate"
)

// secrets reads credentials from one namespace, and remembers what it has read. It is a resolvers.Secrets.
type secrets struct {
	reader    client.Reader
	namespace string

	mu     sync.Mutex
	read   [][]byte
	sealed bool
}

// errSealed is a mistake of a resolver: its fetch would use credentials that the cache does not know of.
var errSealed = errors.New("credentials can be read in Prepare only")

// Secret returns a Secret of the namespace.
func (s *secrets) Secret(ctx context.Context, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	if err := s.get(ctx, "Secret", name, secret); err != nil {
		return nil, err
	}
	s.remember("Secret", name)
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		s.remember(key, string(secret.Data[key]))
	}
	return secret, nil
}

// ServiceAccount returns a service account of the namespace.
func (s *secrets) ServiceAccount(ctx context.Context, name string) (*corev1.ServiceAccount, error) {
	account := &corev1.ServiceAccount{}
	if err := s.get(ctx, "ServiceAccount", name, account); err != nil {
		return nil, err
	}
	s.remember("ServiceAccount", name)
	for _, one := range account.ImagePullSecrets {
		s.remember("imagePullSecrets", one.Name)
	}
	for _, one := range account.Secrets {
		s.remember("secrets", one.Name)
	}
	return account, nil
}

// get reads an object of the namespace. The name comes from a user.
func (s *secrets) get(ctx context.Context, kind, name string, into client.Object) error {
	if len(validation.IsDNS1123Subdomain(name)) > 0 {
		return resolvers.Invalid("cannot use %s %q: it is not the name of a %s", kind, truncate.Text(name, maxShown), kind)
	}
	s.mu.Lock()
	sealed := s.sealed
	s.mu.Unlock()
	if sealed {
		return resolvers.Failed(errSealed, "cannot read %s %q: %v", kind, name, errSealed)
	}
	err := s.reader.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, into)
	switch {
	case apierrors.IsNotFound(err):
		return resolvers.Failed(err, "cannot read %s %q: it does not exist in namespace %q", kind, name, s.namespace)
	case apierrors.IsForbidden(err):
		return resolvers.Failed(err, "cannot read %s %q: the resolvers may not read it in namespace %q", kind, name, s.namespace)
	case err != nil:
		return resolvers.Unavailable(err, "cannot read %s %q of namespace %q now", kind, name, s.namespace)
	}
	return nil
}

// maxShown is the maximum number of bytes of a user's text in a message.
const maxShown = 260

func (s *secrets) remember(what, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = append(s.read, fmt.Appendf(nil, "%d:%s%s", len(what), what, value))
}

// seal ends the reading, and returns what was read.
func (s *secrets) seal() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
	return s.read
}

package resolve

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/config"
)

// ClusterName is the name of the resolver for other namespaces.
const ClusterName = "cluster"

// The params of the resolver for other namespaces.
const (
	paramKind      = "kind"
	paramName      = "name"
	paramNamespace = "namespace"
	// paramCache is accepted for references that have it, and has no effect: the controller always reads from its cache,
	// which is kept up to date.
	paramCache = "cache"
)

// ClusterPolicy is the permitted namespaces, and the defaults of references. The zero value permits all namespaces.
type ClusterPolicy struct {
	// Allowed are the permitted namespaces; empty means all that are not blocked.
	Allowed []string
	// Blocked are the forbidden namespaces, which take precedence over Allowed; "*" means all that Allowed does not name.
	Blocked []string
	// DefaultKind and DefaultNamespace apply to a reference without them. Empty means the wanted kind, and the namespace of
	// the run.
	DefaultKind, DefaultNamespace string
	// Also must permit a namespace too; nil means no further policy.
	Also *ClusterPolicy
}

// Permits reports whether definitions may be read from a namespace. The namespace of the run is always permitted.
func (p ClusterPolicy) Permits(namespace string) bool {
	allowed := slices.Contains(p.Allowed, namespace)
	switch {
	case p.Also != nil && !p.Also.Permits(namespace), slices.Contains(p.Blocked, namespace):
		return false
	case slices.Contains(p.Blocked, "*"):
		return allowed
	}
	return allowed || len(p.Allowed) == 0
}

// PolicyOf returns the policy of the settings. The lists of both ConfigMaps apply, so that neither permits what the other
// forbids. The defaults are only those of the installation's namespace.
func PolicyOf(settings config.ClusterResolvers) ClusterPolicy {
	own, shared := settings.Own, settings.Shared
	return ClusterPolicy{
		Allowed: own.Allowed, Blocked: own.Blocked,
		DefaultKind: own.DefaultKind, DefaultNamespace: own.DefaultNamespace,
		Also: &ClusterPolicy{Allowed: shared.Allowed, Blocked: shared.Blocked},
	}
}

// Cluster fetches Tasks, Pipelines and StepActions from other namespaces. It is a Remote.
type Cluster struct {
	cache, live client.Reader
	policy      func() ClusterPolicy
}

// NewCluster returns a Cluster that reads in the same way as a Resolver.
func NewCluster(cache, live client.Reader, policy ClusterPolicy) *Cluster {
	return &Cluster{cache: cache, live: live, policy: func() ClusterPolicy { return policy }}
}

// Name returns ClusterName.
func (c *Cluster) Name() string { return ClusterName }

// Fetch reads the object in the params: kind (default: the wanted one), name, and namespace (default: that of the run),
// unless the policy has other defaults. A refusal is the same whether or not the object exists, because the check comes
// before the read.
func (c *Cluster) Fetch(ctx context.Context, wanted Request, into client.Object) (*v1.RefSource, error) {
	policy := c.policy()
	params := map[string]string{
		paramKind: cmp.Or(policy.DefaultKind, wanted.Kind), paramNamespace: cmp.Or(policy.DefaultNamespace, wanted.Namespace),
	}
	for i := range wanted.Params {
		p := &wanted.Params[i]
		if !slices.Contains(clusterParams(), p.Name) {
			return nil, fmt.Errorf("%w: params[%d]: %q is not a param of this resolver; it has: %s",
				ErrUnresolvable, i, p.Name, quoted(clusterParams()))
		}
		if p.Value.Type != v1.TypeString || p.Value.String == "" {
			return nil, fmt.Errorf("%w: params[%d]: %q must be a string, and not empty", ErrUnresolvable, i, p.Name)
		}
		params[p.Name] = p.Value.String
	}
	name, namespace := params[paramName], params[paramNamespace]
	switch {
	case !strings.EqualFold(params[paramKind], wanted.Kind):
		return nil, fmt.Errorf("%w: params: kind is %q, want %s", ErrUnresolvable, params[paramKind], wanted.Kind)
	case name == "":
		return nil, fmt.Errorf("%w: params: name is missing; give the name of a %s", ErrUnresolvable, wanted.Kind)
	case namespace != wanted.Namespace && !policy.Permits(namespace):
		return nil, fmt.Errorf("%w: params: cannot read from namespace %q: allowed-namespaces or "+
			"blocked-namespaces of ConfigMap %s does not permit it; ask an administrator",
			ErrUnresolvable, namespace, config.ClusterResolverName)
	}
	if err := get(ctx, c.cache, c.live, types.NamespacedName{Namespace: namespace, Name: name}, into); err != nil {
		return nil, fmt.Errorf("cannot get %s %q of namespace %q: %w", wanted.Kind, name, namespace, err)
	}
	return sourceOf(wanted.Kind, into), nil
}

func clusterParams() []string { return []string{paramKind, paramName, paramNamespace, paramCache} }

// sourceOf returns the source of an object: its path in the API with its UID, and the digest of its spec.
func sourceOf(kind string, o client.Object) *v1.RefSource {
	version := v1.GroupVersion
	if kind == v1beta1.KindStepAction {
		version = v1beta1.GroupVersion
	}
	source := &v1.RefSource{URI: fmt.Sprintf("/apis/%s/namespaces/%s/%s/%s@%s",
		version, o.GetNamespace(), strings.ToLower(kind), o.GetName(), o.GetUID())}
	var parts struct {
		Spec json.RawMessage `json:"spec"`
	}
	encoded, err := json.Marshal(o)
	if err == nil && json.Unmarshal(encoded, &parts) == nil {
		sum := sha256.Sum256(parts.Spec)
		source.Digest = map[string]string{"sha256": hex.EncodeToString(sum[:])}
	}
	return source
}

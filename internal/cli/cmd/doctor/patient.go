package doctor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/config"
)

// Readers read what the client of the cluster does not.
type Readers struct {
	Configz Configz
	OpenAPI OpenAPI
	Storage Storage
}

// Configz reads the configuration of the kubelet of a node as JSON.
type Configz func(ctx context.Context, c *cluster.Cluster, node string) ([]byte, error)

// viaProxy reads it from the kubelet through the API server.
func viaProxy(ctx context.Context, c *cluster.Cluster, node string) ([]byte, error) {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.Kube.CoreV1().RESTClient().Get().AbsPath("/api/v1/nodes/" + node + "/proxy/configz").DoRaw(ctx)
}

// patient is a cluster, with the data that several checks need.
type patient struct {
	cluster *cluster.Cluster
	readers Readers
	// beside is the installation beside Tekton; nil for the only controller of a cluster.
	beside *beside
	// deployment of the controller; nil if it does not exist, or if deploymentErr is set.
	deployment    *appsv1.Deployment
	deploymentErr error
	// data of feature-flags, the parsed flags, and the problems.
	flags     config.Flags
	wrong     []config.SettingError
	flagsErr  error
	flagsGone bool
	// notices about keys without effect, in all ConfigMaps of Tekton.
	notices []placedNotice
	// noticesErr is the error if one of these ConfigMaps could not be read.
	noticesErr error
}

// placedNotice is a notice with the namespace of its ConfigMap.
type placedNotice struct {
	config.Notice

	namespace string
}

func observe(ctx context.Context, c *cluster.Cluster, readers Readers) *patient {
	p := &patient{cluster: c, readers: readers}
	p.deployment, p.deploymentErr = findDeployment(ctx, c)
	if p.beside = besideOf(p.deployment); p.beside != nil {
		p.observeLayers(ctx)
		return p
	}
	var flags corev1.ConfigMap
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: p.namespace(), Name: config.FlagsName}, &flags)
	if apierrors.IsNotFound(err) {
		p.flagsGone, err = true, nil
	}
	p.flagsErr = err
	p.flags, p.wrong = config.ParseFlags(flags.Data, []config.ResultsFrom{config.TerminationMessage, config.SidecarLogs})
	p.observeSettings(ctx)
	return p
}

// observeSettings reads all ConfigMaps with settings.
func (p *patient) observeSettings(ctx context.Context) {
	for namespace, names := range p.settingsFiles() {
		for _, name := range names {
			var cm corev1.ConfigMap
			if err := p.cluster.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &cm); err != nil {
				if !apierrors.IsNotFound(err) {
					p.noticesErr = err
				}
				continue
			}
			if p.beside == nil {
				p.wrong = append(p.wrong, wrongIn(name, cm.Data)...)
			}
			notices := config.Notices
			if namespace == config.ResolversNamespace {
				notices = config.NoticesOfResolvers
			}
			for _, n := range notices(name, cm.Data) {
				p.notices = append(p.notices, placedNotice{n, namespace})
			}
		}
	}
	slices.SortStableFunc(p.notices, func(a, b placedNotice) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.ConfigMap, b.ConfigMap))
	})
}

// settingsFiles returns the names of the ConfigMaps with settings by their namespaces.
func (p *patient) settingsFiles() map[string][]string {
	files := map[string][]string{p.namespace(): config.Reads(), config.ResolversNamespace: config.ReadsOfResolvers()}
	if p.beside != nil {
		files[p.beside.tekton], files[p.namespace()] = config.Reads(), []string{config.SettingsName}
	}
	return files
}

// wrongIn returns the invalid settings of a ConfigMap other than feature-flags.
func wrongIn(configMap string, data map[string]string) []config.SettingError {
	var wrong []config.SettingError
	switch configMap {
	case config.DefaultsName:
		_, wrong = config.ParseDefaults(data)
	case config.ObservabilityName:
		_, wrong = config.ParseObservability(data)
	case config.ClusterResolverName:
		_, wrong = config.ParseClusterResolver(data)
	case config.EventsName:
		_, wrong = config.ParseEvents(data)
	}
	return wrong
}

// namespace of the installation.
func (p *patient) namespace() string {
	if p.deployment != nil {
		return p.deployment.Namespace
	}
	return bundle.Namespace
}

// serviceAccount of the controller.
func (p *patient) serviceAccount() types.NamespacedName {
	name := bundle.Deployment
	if p.deployment != nil && p.deployment.Spec.Template.Spec.ServiceAccountName != "" {
		name = p.deployment.Spec.Template.Spec.ServiceAccountName
	}
	return types.NamespacedName{Namespace: p.namespace(), Name: name}
}

// findDeployment finds the Deployment of the controller in one of the usual namespaces, or else in any.
func findDeployment(ctx context.Context, c *cluster.Cluster) (*appsv1.Deployment, error) {
	for _, namespace := range []string{bundle.Namespace, bundle.BesideNamespace} {
		var d appsv1.Deployment
		err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: bundle.Deployment}, &d)
		if err == nil {
			return &d, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("cannot read deployment %q in namespace %q: %w", bundle.Deployment, namespace, err)
		}
	}
	var list appsv1.DeploymentList
	if err := c.Client.List(ctx, &list, client.MatchingLabels{bundle.LabelPartOf: bundle.PartOf}); err != nil {
		return nil, fmt.Errorf("cannot list deployments: %w", err)
	}
	for i := range list.Items {
		if list.Items[i].Name == bundle.Deployment {
			return &list.Items[i], nil
		}
	}
	return nil, nil //nolint:nilnil // not found is not an error
}

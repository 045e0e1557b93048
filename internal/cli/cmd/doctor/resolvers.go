package doctor

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
)

// resolvers checks which program answers ResolutionRequests.
func resolvers(ctx context.Context, p *patient) []Finding {
	own, err := p.readResolvers(ctx, bundle.ResolversDeployment)
	if err != nil {
		return []Finding{unchecked(err)}
	}
	other, err := p.readResolvers(ctx, conflict.Resolvers)
	if err != nil {
		return []Finding{unchecked(err)}
	}
	look := fmt.Sprintf("kubectl describe pods -n %s; kubectl logs -n %s deployment/%s",
		bundle.ResolversNamespace, bundle.ResolversNamespace, bundle.ResolversDeployment)
	switch {
	case own == nil && other == nil:
		return []Finding{ok("no resolvers are installed: references to git, bundles, http and hub are not answered")}
	case own == nil:
		return []Finding{ok("deployment %s answers references to git, bundles, http and hub", conflict.Resolvers)}
	case active(own) && active(other):
		return []Finding{warning(fmt.Sprintf("kubectl scale deployment %s -n %s --replicas=0", conflict.Resolvers, bundle.ResolversNamespace),
			"two programs answer the same references: %s and %s", bundle.ResolversDeployment, conflict.Resolvers)}
	case own.Status.AvailableReplicas == 0:
		return []Finding{warning(look, "no replica of the resolvers is ready: references to git, bundles, http and hub wait")}
	default:
		return []Finding{ok("the resolvers run in namespace %s", bundle.ResolversNamespace)}
	}
}

func unchecked(err error) Finding {
	return warning("ask for the right to get deployments in namespace "+bundle.ResolversNamespace, "cannot check the resolvers: %v", err)
}

// readResolvers returns a Deployment in the namespace of the resolvers, or nil.
func (p *patient) readResolvers(ctx context.Context, name string) (*appsv1.Deployment, error) {
	d := &appsv1.Deployment{}
	err := p.cluster.Client.Get(ctx, client.ObjectKey{Namespace: bundle.ResolversNamespace, Name: name}, d)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // not found is not an error
	}
	return d, err
}

func active(d *appsv1.Deployment) bool {
	return d != nil && (d.Spec.Replicas == nil || *d.Spec.Replicas > 0)
}

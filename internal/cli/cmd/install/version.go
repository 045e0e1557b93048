package install

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/bundle"
	"github.com/sluice-ci/sluice/internal/clientinfo"
)

// isClientInfo reports whether an object is the ConfigMap with the version for clients, which another controller uses, too.
func isClientInfo(object *metav1.PartialObjectMetadata) bool {
	return object.Kind == "ConfigMap" && object.Name == clientinfo.Name
}

// restoreVersion writes the version of the other controller again. The controller of Sluice has no right to write at this time.
func restoreVersion(ctx context.Context, c *cluster.Cluster) error {
	cm := &corev1.ConfigMap{}
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: bundle.Namespace, Name: clientinfo.Name}, cm)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("cannot read ConfigMap %q: %w", clientinfo.Name, err)
	}
	if err != nil || cm.Annotations[clientinfo.AnnotationWritten] == "" {
		return nil
	}
	if err := c.Client.Patch(ctx, cm, client.RawPatch(types.MergePatchType, clientinfo.Restore(cm))); err != nil {
		return fmt.Errorf("cannot restore the version in ConfigMap %q: %w", clientinfo.Name, err)
	}
	return nil
}

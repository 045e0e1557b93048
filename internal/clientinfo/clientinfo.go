// Package clientinfo keeps the ConfigMap right in which clients such as tkn and Tekton's Dashboard read the version of the
// installation.
package clientinfo

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

const (
	// Name of the ConfigMap. Clients know it.
	Name = "pipelines-info"
	// KeyVersion is the key with the version. Clients know it.
	KeyVersion = "version"
	// AnnotationWritten has the version that Sluice has written.
	AnnotationWritten = "sluice.dev/written-version"
	// AnnotationReplaced has the version that Sluice has replaced: that of Tekton, which sluice uninstall restores.
	AnnotationReplaced = "sluice.dev/replaced-version"
)

// Publisher writes the version into the ConfigMap of the installation. The manifests create the ConfigMap; the publisher only
// changes it, so that it needs no right for other ConfigMaps.
type Publisher struct {
	client             client.Client
	namespace, version string
}

// New returns a Publisher for the ConfigMap in a namespace.
func New(c client.Client, namespace, version string) *Publisher {
	return &Publisher{client: c, namespace: namespace, version: version}
}

// SetupWithManager makes mgr call the publisher at the start, and when the ConfigMap changes. Only the leader writes, so that two
// versions do not write in turns during an update.
func (p *Publisher) SetupWithManager(mgr ctrl.Manager) error {
	ours := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetNamespace() == p.namespace && o.GetName() == Name })
	return ctrl.NewControllerManagedBy(mgr).Named(Name).For(&corev1.ConfigMap{}).WithEventFilter(ours).Complete(p)
}

// Reconcile writes the version if the ConfigMap has another one.
func (p *Publisher) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	cm := &corev1.ConfigMap{}
	err := p.client.Get(ctx, types.NamespacedName{Namespace: p.namespace, Name: Name}, cm)
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("cannot read ConfigMap %q: %w", Name, err)
	}
	patch := change(cm, p.version)
	if patch == nil {
		return ctrl.Result{}, nil
	}
	if err := p.client.Patch(ctx, cm, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return ctrl.Result{}, fmt.Errorf("cannot write the version into ConfigMap %q: %w", Name, err)
	}
	return ctrl.Result{}, nil
}

// change returns the merge patch that writes a version; nil if the ConfigMap has it. It keeps a version that Sluice has not written.
func change(cm *corev1.ConfigMap, version string) []byte {
	found, written := cm.Data[KeyVersion], cm.Annotations[AnnotationWritten]
	if found == version && written == version {
		return nil
	}
	annotations := map[string]*string{AnnotationWritten: &version}
	if found != "" && found != written && found != version {
		annotations[AnnotationReplaced] = &found
	}
	return encode(annotations, &version)
}

// Restore returns the merge patch that removes the version of Sluice: it writes the one that Sluice has replaced, or none.
func Restore(cm *corev1.ConfigMap) []byte {
	var before *string
	if replaced, ok := cm.Annotations[AnnotationReplaced]; ok {
		before = &replaced
	}
	return encode(map[string]*string{AnnotationWritten: nil, AnnotationReplaced: nil}, before)
}

// encode returns a merge patch; nil removes a value.
func encode(annotations map[string]*string, version *string) []byte {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": annotations},
		"data":     map[string]any{KeyVersion: version},
	})
	if err != nil {
		return nil // texts can always be encoded
	}
	return patch
}
